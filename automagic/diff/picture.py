"""Two PNG pictures, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

from automagic.diff.report import STRUCTURE, Found, reading


def differences(a: Path, b: Path, found: Found) -> None:
    """Find other sizes, other kinds of colours, and the pixels that differ."""
    import numpy as np
    from matplotlib.image import imread

    pictures = []
    for path in (a, b):
        with reading(path, "PNG"):
            pictures.append(imread(path))
    one, other = pictures
    if one.shape[:2] != other.shape[:2]:
        sizes = [f"{width} × {height} pixels" for height, width in (one.shape[:2], other.shape[:2])]
        found.add(f"size: {sizes[0]} in A, {sizes[1]} in B", STRUCTURE, a=sizes[0], b=sizes[1])
        return
    if one.shape != other.shape:
        layers = [1 if picture.ndim == 2 else picture.shape[2] for picture in (one, other)]
        found.add(f"colours: {layers[0]} numbers a pixel in A, {layers[1]} in B", STRUCTURE, a=layers[0], b=layers[1])
        return
    wrong = one != other
    wrong = wrong.any(axis=2) if wrong.ndim == 3 else wrong
    count = int(wrong.sum())
    height, width = wrong.shape
    if not count:
        found.notes.append("all pixels are the same; the text in the file or its compression differs")
        return
    row, column = divmod(int(np.argmax(wrong)), width)
    # imread gives shares of the full brightness; people know 0 to 255
    colours = [np.round(255 * np.atleast_1d(picture[row, column])).astype(int).tolist() for picture in (one, other)]
    text = f"{count} of {height * width} pixels ({width} × {height}) differ, the first in column {column}, row {row}"
    text += f": {colours[0]} in A, {colours[1]} in B"
    found.add(text, pixels=count, of=height * width, column=column, row=row, a=colours[0], b=colours[1])
