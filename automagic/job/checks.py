"""What must be true of input and output files. The wrappers say it as data; here it is evaluated.

| check | meaning |
|---|---|
| ``root`` | a whole ROOT file |
| ``level`` | ``raw``, ``calibrated``, ``star``, ``superstar`` or ``melibea``, told from the branches of ``Events`` |
| ``tree`` | this tree is there |
| ``min_events`` | entries of ``tree`` (default ``Events``), or rows of a FITS file's ``EVENTS`` |
| ``drive_min`` | entries of the ``Drive`` tree |
| ``run``, ``telescope`` | first run and telescope number in ``RunHeaders`` |
| ``run_type`` | the same for the type: 0 data, 1 pedestal, 2 calibration |
| ``name``, ``not_name`` | regular expressions that the file's name must, must not, match |
| ``fits``, ``hdus`` | a whole FITS file; with these HDUs |
| ``min_bytes`` | size |
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from automagic.job.fits import hdus
from automagic.job.spec import JobFailed
from automagic.rootfile import RootError, Tree, check, first_numbers, trees

KNOWN = frozenset(
    {"root", "level", "tree", "min_events", "drive_min", "run", "telescope", "run_type"}
    | {"name", "not_name", "fits", "hdus", "min_bytes"}
)

_HEADERS = {"run": "fRunNumber", "telescope": "fTelescopeNumber", "run_type": "fRunType"}
_ROOT = frozenset({"level", "tree", "min_events", "drive_min", *_HEADERS})

# facts of public readers (ctapipe_io_magic): the branches of Events tell the level, the highest first
_LEVELS = (
    ("melibea", ("MHadronness", "MStereoParDisp", "MEnergyEst")),
    ("superstar", ("MHillas_1", "MHillas_2", "MStereoPar")),
    ("star", ("MHillas",)),
    ("calibrated", ("MCerPhotEvt",)),
    ("raw", ("MRawEvtData",)),
)


def level(events: Tree) -> str | None:
    """Tell the data level from the branches of ``Events``; `None` where it cannot be told."""
    for name, branches in _LEVELS:
        if any(events.has_branch(branch) for branch in branches):
            return name
    return None


def check_file(path: Path, name: str, checks: dict[str, Any], skipped: list[str]) -> dict[str, int]:
    """Check one file.

    Parameters
    ----------
    name
        What the file is called in messages and what the regular expressions see.
    skipped
        Takes what could not be looked at (a compression that this Python cannot read), for the receipt.

    Returns
    -------
    dict
        What was counted on the way: ``bytes``, ``events``.

    Raises
    ------
    JobFailed
        Naming the file, what was found and what was expected.
    """
    unknown = set(checks) - KNOWN
    if unknown:
        raise JobFailed(f"{name}: unknown check {', '.join(sorted(unknown))}; known are {', '.join(sorted(KNOWN))}")
    counted = {"bytes": _check_plain(path, name, checks)}
    if checks.get("fits") or "hdus" in checks:
        counted.update(_check_fits(path, name, checks))
    elif checks.get("root") or set(checks) & _ROOT:
        counted.update(_check_root(path, name, checks, skipped))
    return counted


def _check_plain(path: Path, name: str, checks: dict[str, Any]) -> int:
    try:
        if not path.is_file():
            raise JobFailed(f"{name} is missing ({path.resolve()})" if path.is_symlink() else f"{name} is missing")
        size = path.stat().st_size
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        raise JobFailed(f"{name} cannot be read: {error.strerror}") from None
    base = name.rpartition("/")[2]
    if "name" in checks and not re.search(checks["name"], base):
        raise JobFailed(f"{name}: its name should match {checks['name']!r}")
    if "not_name" in checks and re.search(checks["not_name"], base):
        raise JobFailed(f"{name} must not be used here: its name matches {checks['not_name']!r}")
    if size < checks.get("min_bytes", 0):
        raise JobFailed(f"{name} has {size} bytes, expected at least {checks['min_bytes']}")
    return size


def _check_fits(path: Path, name: str, checks: dict[str, Any]) -> dict[str, int]:
    try:
        found = {hdu.name: hdu for hdu in hdus(path)}
    except (ValueError, OSError) as error:
        raise JobFailed(f"{name} is no whole FITS file: {error}") from None
    missing = [hdu for hdu in checks.get("hdus", ()) if hdu not in found]
    if missing:
        raise JobFailed(f"{name} lacks the HDU {', '.join(missing)}; it has {', '.join(found)}")
    events = found["EVENTS"].rows if "EVENTS" in found else 0
    if events < checks.get("min_events", 0):
        raise JobFailed(f"{name} has {events} events, expected at least {checks['min_events']}")
    return {"events": events}


def _check_root(path: Path, name: str, checks: dict[str, Any], skipped: list[str]) -> dict[str, int]:
    try:
        check(path)
        found = trees(path)
        _check_headers(path, name, checks, skipped)
    except RootError as error:
        raise JobFailed(f"{name} is no whole ROOT file: {error}") from None
    except OSError as error:
        raise JobFailed(f"{name} cannot be read: {error.strerror}") from None
    wanted = checks.get("tree", "Events")
    if {"tree", "level", "min_events"} & set(checks) and wanted not in found:
        raise JobFailed(f"{name} has no tree {wanted!r}; it has {', '.join(sorted(found)) or 'none'}")
    if "level" in checks:
        _check_level(name, found.get("Events"), checks["level"], skipped)
    for tree, key in ((wanted, "min_events"), ("Drive", "drive_min")):
        if key not in checks:
            continue
        entries = found[tree].entries if tree in found else 0
        if entries is None:
            skipped.append(f"{name}: {key} (the tree's head is compressed in a way that cannot be read here)")
        elif entries < checks[key]:
            raise JobFailed(f"{name} has {entries} entries in {tree}, expected at least {checks[key]}")
    events = found[wanted].entries if wanted in found else None
    return {} if events is None else {"events": events}


def _check_level(name: str, events: Tree | None, expected: str, skipped: list[str]) -> None:
    if events is None:
        raise JobFailed(f"{name} has no tree 'Events', expected a file of level {expected}")
    if not events.head:
        skipped.append(f"{name}: level (the tree's head is compressed in a way that cannot be read here)")
        return
    found = level(events)
    if found != expected:
        what = f"of level {found}" if found else "of no known level (its Events have no known branch)"
        raise JobFailed(f"{name} is {what}, expected {expected}")


def _check_headers(path: Path, name: str, checks: dict[str, Any], skipped: list[str]) -> None:
    wanted = {key: member for key, member in _HEADERS.items() if key in checks}
    if not wanted:
        return
    values = first_numbers(path, "RunHeaders", frozenset(wanted.values()))
    for key, member in wanted.items():
        found = {v for branch, v in values.items() if branch.endswith(member) and "Corsika" not in branch}
        if not found:
            skipped.append(f"{name}: {key} (RunHeaders has no {member} that can be read here)")
        elif found != {int(checks[key])}:
            shown = ", ".join(str(v) for v in sorted(found))
            raise JobFailed(f"{name} is of {key.replace('_', ' ')} {shown}, expected {checks[key]}")
