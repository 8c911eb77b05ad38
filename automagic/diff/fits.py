"""Two FITS files, HDU by HDU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automagic.diff.report import STRUCTURE, VALUES, WORDS, Found, reading
from automagic.diff.values import Tally

STAMPS = ("DATE", "CHECKSUM", "DATASUM")
"""Keywords that tell of the writing; what they sum up is compared itself."""

CHUNK = 4 << 20

DAMAGED = ("truncated", "corrupted")
"""Words of astropy's warnings of a damaged file."""


def differences(a: Path, b: Path, found: Found) -> None:
    """Find HDUs, keywords, columns and values that differ."""
    import warnings

    opened: list[Any] = []
    # what astropy warns of is either told here, or a matter of style
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for path in (a, b):
                opened.append(_open(path))
            _files(opened, (a, b), found)
        finally:
            for hdus in opened:
                hdus.close()
    if not found.notes:
        found.notes.append("the layout of the cards or of the data differs")


def _open(path: Path) -> Any:
    """Open a file and read all its headers. Of one that ends too early astropy reads what is there, with a warning."""
    import warnings

    from astropy.io import fits

    if path.suffix == ".gz":
        _unzip(path)
    with reading(path, "FITS"), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        hdus = fits.open(path, mode="readonly", lazy_load_hdus=False)
        wrong = [str(each.message) for each in told if any(word in str(each.message) for word in DAMAGED)]
        if wrong:
            hdus.close()
            raise ValueError(wrong[0])
        for hdu in hdus:
            for card in hdu.header.cards:  # a card is understood when it is asked for
                _ = card.keyword, card.value, card.comment
    return hdus


def _unzip(path: Path) -> None:
    """Read a compressed file to its end: of one that is cut, astropy takes what comes out for the whole."""
    import gzip

    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return  # its name says so alone
    with reading(path, "FITS"), gzip.open(path) as packed:
        while packed.read(CHUNK):
            pass


def _files(opened: list[Any], paths: tuple[Path, Path], found: Found) -> None:
    names = [_names(hdus) for hdus in opened]
    for side, mine, others in (("A", names[0], names[1]), ("B", names[1], names[0])):
        for name in mine:
            if name not in others:
                found.only(side, f"HDU {name}", hdu=name)
    both = [[name for name in mine if name in others] for mine, others in (names, names[::-1])]
    if both[0] != both[1]:
        found.two("order of the HDUs", ", ".join(both[0]), ", ".join(both[1]), STRUCTURE)
    for name in both[0]:
        _hdu(name, opened[0][names[0][name]], opened[1][names[1][name]], paths, found)


def _names(hdus: Any) -> dict[str, int]:
    """Name each HDU: those of one name get their number."""
    found: dict[str, int] = {}
    for i, hdu in enumerate(hdus):
        name = hdu.name or f"number {i}"
        same = sum(each == name or each.startswith(f"{name} #") for each in found)
        found[f"{name} #{same + 1}" if same else name] = i
    return found


def _hdu(name: str, a: Any, b: Any, paths: tuple[Path, Path], found: Found) -> None:
    _data(name, a, b, paths, found)
    _header(name, a.header, b.header, found)


def _data(name: str, a: Any, b: Any, paths: tuple[Path, Path], found: Found) -> None:
    if type(a) is not type(b):
        found.two(f"{name}, kind", type(a).__name__, type(b).__name__, STRUCTURE, hdu=name)
        return
    data = []
    for hdu, path in zip((a, b), paths, strict=True):
        with reading(path, "FITS", f"HDU {name}"):
            data.append(hdu.data)
    if data[0] is None or data[1] is None:
        if data[0] is not data[1]:
            found.only("A" if data[1] is None else "B", f"data of {name}", hdu=name)
    elif data[0].dtype.names is None:
        _image(name, data, found)
    else:
        _table(name, a, b, paths, found)


def _header(name: str, a: Any, b: Any, found: Found) -> None:
    """Compare keywords, values and comments."""
    from astropy.io.fits import HeaderDiff

    diff = HeaderDiff(a, b, ignore_blanks=False)
    stamped = False
    for side, keywords in zip("AB", diff.diff_keywords or ((), ()), strict=True):
        for keyword in keywords:
            if keyword in STAMPS:
                stamped = True
            else:
                value = str((a if side == "A" else b)[keyword])
                found.only(side, f"keyword {keyword} = {value!r} of {name}", hdu=name, keyword=keyword)
    for keyword, (one, other) in (diff.diff_duplicate_keywords or {}).items():
        if keyword not in STAMPS:
            found.two(f"{name}, number of keywords {keyword}", one, other, WORDS, hdu=name, keyword=keyword)
    for what, rank, found_there in (
        ("keyword", VALUES, diff.diff_keyword_values),
        ("comment of keyword", WORDS, diff.diff_keyword_comments),
    ):
        for keyword, pairs in (found_there or {}).items():
            for pair in pairs:
                if keyword in STAMPS:
                    stamped = True
                elif pair is not None:
                    found.two(f"{name}, {what} {keyword}", pair[0], pair[1], rank, hdu=name, keyword=keyword)
    note = f"only {', '.join(STAMPS[:-1])} or {STAMPS[-1]} differ"
    if stamped and note not in found.notes:
        found.notes.append(note)


def _image(name: str, data: list[Any], found: Found) -> None:
    """Compare the pixels; they are named as the array has them, slowest axis first."""
    import numpy as np

    if data[0].shape != data[1].shape:
        found.two(f"{name}, size", data[0].shape, data[1].shape, STRUCTURE, hdu=name)
        return
    tally = Tally()
    tally.take(0, np.asarray(data[0]).reshape(-1), np.asarray(data[1]).reshape(-1))
    if tally.count:
        pixel = [int(i) for i in np.unravel_index(tally.first, data[0].shape)]
        words = tally.words(data[0].size, "pixel").replace(f"pixel {tally.first}", f"pixel {pixel}", 1)
        found.add(f"{name}, {words}", hdu=name, pixel=pixel, a=tally.a, b=tally.b, differ=tally.count)


def _table(name: str, a: Any, b: Any, paths: tuple[Path, Path], found: Found) -> None:
    """Compare columns and rows. `TableDataDiff` of astropy takes NaN, infinite and 1e20 for the same."""
    columns = [{column.name: column for column in hdu.columns} for hdu in (a, b)]
    for side, mine, others in (("A", columns[0], columns[1]), ("B", columns[1], columns[0])):
        for column in mine:
            if column not in others:
                found.only(side, f"column {column} of {name}", hdu=name, column=column)
    rows = len(a.data), len(b.data)
    if rows[0] != rows[1]:
        found.two(f"{name}, rows", rows[0], rows[1], STRUCTURE, hdu=name)
    for column in columns[0]:
        if column not in columns[1]:
            continue
        label, one, other = f"{name}, column {column}", columns[0][column], columns[1][column]
        if str(one.format) != str(other.format):
            found.two(f"{label}, format", str(one.format), str(other.format), STRUCTURE, hdu=name, column=column)
        values = []
        for hdu, path in zip((a, b), paths, strict=True):
            with reading(path, "FITS", f"{label}"):
                values.append(_array(hdu.data.field(column), min(rows)))
        tally = Tally()
        tally.take(0, values[0], values[1])
        tally.add_to(found, label, min(rows), "row", hdu=name, column=column)


def _array(values: Any, rows: int) -> Any:
    """Return a column's first rows as an array; one of variable length has an array in each row."""
    import numpy as np

    if not isinstance(values, np.ndarray) or values.dtype.kind == "O":
        out = np.empty(rows, object)
        out[:] = [np.asarray(values[i]) for i in range(rows)]
        return out
    return np.asarray(values)[:rows]
