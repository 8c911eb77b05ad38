"""Two files as bytes."""

from __future__ import annotations

from pathlib import Path

from automagic.diff.report import VALUES, Found

CHUNK = 4 << 20
SHOWN = 8


def differences(a: Path, b: Path, found: Found) -> None:
    """Find the first byte that differs, and the lengths."""
    lengths = a.stat().st_size, b.stat().st_size
    first = first_byte(a, b)
    if first < min(lengths):
        with a.open("rb") as file_a, b.open("rb") as file_b:
            file_a.seek(first)
            file_b.seek(first)
            one, other = file_a.read(SHOWN).hex(" "), file_b.read(SHOWN).hex(" ")
        found.add(f"byte {first}: {one} in A, {other} in B", VALUES, byte=first, a=one, b=other)
    if lengths[0] != lengths[1]:
        until = " (the same up to the end of the shorter one)" if first >= min(lengths) else ""
        text = f"length: {lengths[0]} bytes in A, {lengths[1]} bytes in B{until}"
        found.add(text, VALUES, bytes_a=lengths[0], bytes_b=lengths[1])


def first_byte(a: Path, b: Path) -> int:
    """Return the offset of the first byte that differs: the shorter one's length where there is none before."""
    import numpy as np

    at = 0
    with a.open("rb") as file_a, b.open("rb") as file_b:
        while True:
            one, other = file_a.read(CHUNK), file_b.read(CHUNK)
            length = min(len(one), len(other))
            if one[:length] != other[:length]:
                wrong = np.frombuffer(one, "u1", length) != np.frombuffer(other, "u1", length)
                return at + int(np.argmax(wrong))
            at += length
            if length < CHUNK:
                return at
