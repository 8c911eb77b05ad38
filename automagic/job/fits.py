"""Whether a FITS file is whole, and which HDUs it has. FITS standard 4.0 (fits.gsfc.nasa.gov), sections 3.1
and 4.4.1."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO, Any, NamedTuple

BLOCK = 2880


class Hdu(NamedTuple):
    """One HDU: its EXTNAME (``"PRIMARY"`` for the first) and its number of rows or lines (NAXIS2)."""

    name: str
    rows: int


def _header(file: IO[bytes]) -> dict[str, str] | None:
    cards: dict[str, str] = {}
    for number in range(10_000):
        block = file.read(BLOCK)
        if not block and number == 0:
            return None
        if len(block) < BLOCK:
            raise ValueError("it ends inside a header: truncated?")
        for at in range(0, BLOCK, 80):
            card = block[at : at + 80].decode("ascii", "replace")
            if card.startswith("END     "):
                return cards
            if card[8:10] == "= ":
                cards.setdefault(card[:8].strip(), card[10:].split(" /")[0].strip().strip("'").strip())
    raise ValueError("it has a header without an end")


def _size(cards: dict[str, str]) -> int:
    axes = [int(cards[f"NAXIS{i + 1}"]) for i in range(int(cards["NAXIS"]))]
    if not axes:
        return 0
    cells = 1
    for length in axes:
        cells *= length
    return abs(int(cards["BITPIX"])) // 8 * int(cards.get("GCOUNT", 1)) * (int(cards.get("PCOUNT", 0)) + cells)


def hdus(path: str | Path) -> list[Hdu]:
    """Read the names and sizes of all HDUs, to the end of the file.

    Raises
    ------
    ValueError
        No FITS file, or a truncated one; the message says which, without the file's name.
    """
    found: list[Hdu] = []
    opener: Any = gzip.open if str(path).endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            while (cards := _header(file)) is not None:
                if not found and cards.get("SIMPLE") != "T":
                    raise ValueError("it is not a FITS file (it does not begin with SIMPLE = T)")
                left = -(-_size(cards) // BLOCK) * BLOCK
                while left > 0:
                    block = file.read(min(left, 1 << 20))
                    if not block:
                        raise ValueError(f"it ends inside HDU {len(found)}: truncated?")
                    left -= len(block)
                found.append(Hdu(cards.get("EXTNAME", "PRIMARY"), int(cards.get("NAXIS2", 0))))
    except (KeyError, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"it is not a sound FITS file ({error})") from None
    if not found:
        raise ValueError("it is empty")
    return found
