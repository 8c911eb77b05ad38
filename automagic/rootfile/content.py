"""The content of a ROOT file as one hash: that of its canonical bytes, while the file stays as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from automagic.rootfile.canonical import places
from automagic.rootfile.layout import mapped


def content_hash(path: str | Path) -> str:
    """Return the SHA-256 that a ROOT file would have after `canonicalise`, without writing to it.

    Two files have the same one if they differ only in what the clock and the random generator left in them.

    Raises
    ------
    RootError
        The file is not a whole ROOT file.
    """
    digest = hashlib.sha256()
    with mapped(path) as data:
        done = 0
        for offset, value in places(data):
            digest.update(data[done:offset])
            digest.update(value)
            done = offset + len(value)
        digest.update(data[done:])
    return digest.hexdigest()
