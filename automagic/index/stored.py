"""Rows of the index as runs and sets of Monte Carlo."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from automagic.index.inside import night_sky, read_inside
from automagic.index.light import track_of
from automagic.index.periods import period
from automagic.index.runs import MC_LEVELS, DataFile, McSet, Run
from automagic.naming import DataName, McName, parse

_FILES = """
SELECT level, run, coalesce(version, '') AS version, name, folder, size, place, night, source, wobble, telescope
FROM files
WHERE kind = 'data' AND list_contains($levels, level)
    AND list_bool_or([folder = root OR starts_with(folder, root || '/') FOR root IN $roots])
    AND ($sources::VARCHAR[] IS NULL OR run IN (SELECT run FROM files WHERE list_contains($sources, source)))
ORDER BY run, level, version, telescope, subrun, name, folder
"""

_OTHERS = """
SELECT level, run, coalesce(version, '') AS version, night, source, wobble, count(*) AS files
FROM files
WHERE kind = 'data' AND list_contains($levels, level)
    AND list_bool_or([folder = root OR starts_with(folder, root || '/') FOR root IN $roots])
    AND run NOT IN (SELECT run FROM files WHERE run IS NOT NULL AND list_contains($sources, source))
GROUP BY ALL ORDER BY run, level, version, files DESC, night, source, wobble
"""


def stored_runs(
    connection: Any, roots: list[str], levels: tuple[str, ...], kind: str, sources: tuple[str, ...] | None = None
) -> list[Run]:
    """Make the runs that the folders have at some levels; of several levels the latest counts.

    Parameters
    ----------
    connection
        The index, as `automagic.index.update.updated` opens it.
    roots
        Folders and addresses; of files with the same name and version, that of the first counts.
    sources
        Where given, runs without any file of these sources come without their files: there may be very many.
    """
    asked = {"levels": list(levels), "roots": roots, "sources": None if sources is None else list(sources)}
    rows = connection.execute(_FILES, asked).fetchall()
    told = _told(connection, levels)
    problems = _problems(connection, levels)
    daq = _Daq(connection, roots) if "raw" in levels else None
    rank = _Rank(roots)
    found = []
    for number, of_run in groupby(rows, key=lambda row: row[1]):
        by_level = {level: list(group) for level, group in groupby(of_run, key=lambda row: row[0])}
        level = max(by_level, key=levels.index)
        by_version = {version: list(group) for version, group in groupby(by_level[level], key=lambda row: row[2])}
        version = max(by_version, key=newness)
        files, first = _together(by_version[version], rank)
        run = _run(number, level, files, first, kind, told.get((number, level, version), {}))
        more: dict[str, Any] = {
            "version": version or None,
            "versions": tuple(sorted(filter(None, by_version), key=newness)),
            "problems": tuple(problems.get(number, ())),
        }
        if level == "raw" and daq is not None:
            more |= daq.of(run, rank)
        found.append(Run(**{**run, **more}))
    if sources is not None:
        others = connection.execute(_OTHERS, asked).fetchall()
        for number, of_run in groupby(others, key=lambda row: row[1]):
            row = max(of_run, key=lambda row: (levels.index(row[0]), newness(row[2]), row[6]))
            run = _run(number, row[0], (), row[3:6], kind, told.get((number, row[0], row[2]), {}))
            found.append(Run(**run, version=row[2] or None))
    return found


def newness(version: str) -> tuple[int, str]:
    """Sort versions: v10 is newer than v9, any is newer than none.

    >>> max(["", "v9", "v10"], key=newness)
    'v10'
    """
    digits = version.lstrip("v")
    return (int(digits) if digits.isascii() and digits.isdigit() else -1, version)


class _Rank:
    """The place of a folder's root in the order of roots."""

    def __init__(self, roots: list[str]) -> None:
        self.roots = roots
        self.known: dict[str, int] = {}

    def __call__(self, folder: str) -> int:
        if folder not in self.known:
            matches = [n for n, root in enumerate(self.roots) if f"{folder}/".startswith(f"{root.rstrip('/')}/")]
            self.known[folder] = min(matches, default=len(self.roots))
        return self.known[folder]


def _together(rows: list[tuple], rank: _Rank) -> tuple[tuple[DataFile, ...], tuple[str, str, str | None]]:
    """Return the files of a run that belong together, each name once, and their night, source and wobble position."""
    counts = Counter((row[7], row[8], row[9]) for row in rows)
    first = min(counts, key=lambda key: (-counts[key], str(key)))
    files = []
    for _, same in groupby((row for row in rows if (row[7], row[8], row[9]) == first), key=lambda row: row[3]):
        files.append(_file(min(same, key=lambda row: (rank(row[4]), row[4]))))
    return tuple(files), first


def _file(row: tuple) -> DataFile:
    name, folder, size, place = row[3:7]
    parsed = parse(name)
    assert isinstance(parsed, DataName | McName)  # summaries are not asked for
    training = None
    if isinstance(parsed, McName):
        sample = row[11]
        training = parsed.training if parsed.training is not None or sample is None else sample == "TRAIN"
    if "://" in folder:
        from automagic.staging.urls import join

        return DataFile(parsed, url=join(folder, name), size=size, place=place, training=training)
    return DataFile(parsed, path=Path(folder, name), size=size, place=place, training=training)


def _run(
    number: int,
    level: str,
    files: tuple[DataFile, ...],
    first: tuple[str, str, str | None],
    kind: str,
    told: dict[str, Any],
) -> dict[str, Any]:
    night, source, wobble = first
    low, high = told.get("zenith_min"), told.get("zenith_max")
    same = ("azimuth", "start", "minutes", "ra", "dec", "dc_na", "nsb", "hv", "trigger")
    more = ("transmission", "cloudiness", "rate")
    return {
        "run": number,
        "night": night,
        "source": source,
        "wobble": wobble,
        "level": level,
        "files": files,
        "kind": kind,
        "period": period(night),
        "zenith": None if low is None or high is None else (low, high),
        "light": tuple((at, night_sky(dc, told.get("hv")) or 0.0) for at, dc in track_of(told.get("dc_track"))),
        **{key: told.get(key) for key in (*same, *more)},
    }


def _told(connection: Any, levels: tuple[str, ...]) -> dict[tuple[int, str, str], dict[str, Any]]:
    """What the headers of runs say together, by run, level and version."""
    cursor = connection.execute(
        "SELECT * REPLACE (coalesce(version, '') AS version) FROM runs "
        "WHERE list_contains($1, level) AND (start IS NOT NULL OR zenith_min IS NOT NULL OR ra IS NOT NULL)",
        [list(levels)],
    )
    columns = [column[0] for column in cursor.description]
    rows = (dict(zip(columns, row, strict=True)) for row in cursor.fetchall())
    return {(row["run"], row["level"], row["version"]): row for row in rows}


def _problems(connection: Any, levels: tuple[str, ...]) -> dict[int, list[str]]:
    rows = connection.execute(
        "SELECT run, text FROM problems WHERE run IS NOT NULL AND (level IS NULL OR list_contains($1, level)) "
        "ORDER BY run, kind, telescope, path, text",
        [[*levels, *(("report",) if "raw" in levels else ())]],
    ).fetchall()
    found: dict[int, list[str]] = defaultdict(list)
    for run, text in rows:
        found[run].append(text)
    return found


class _Daq:
    """Reports, pedestal and calibration files: what belongs to raw files."""

    def __init__(self, connection: Any, roots: list[str]) -> None:
        levels = ["report", "pedestal", "calibration"]
        rows = connection.execute(_FILES, {"levels": levels, "roots": roots, "sources": None}).fetchall()
        self.reports: dict[int, list[tuple]] = defaultdict(list)
        self.others: dict[tuple[str, str, int], dict[int, list[tuple]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            if row[0] == "report":
                self.reports[row[1]].append(row)
            else:
                self.others[row[0], row[7], row[10]][row[1]].append(row)

    def of(self, run: dict[str, Any], rank: _Rank) -> dict[str, tuple[DataFile, ...]]:
        """Return what belongs to a run.

        Pedestal and calibration runs are, for each telescope, the latest of the night before it, else the first
        one after it.
        """
        reports = {str(file.name.at("report")) for file in run["files"]}
        found = {"reports": _once((row for row in self.reports[run["run"]] if row[3] in reports), rank)}
        for level in ("pedestal", "calibration"):
            files: tuple[DataFile, ...] = ()
            for telescope in (1, 2):
                runs = self.others[level, run["night"], telescope]
                numbers = sorted(runs)
                if numbers:
                    place = bisect_right(numbers, run["run"])
                    files += _once(runs[numbers[max(place - 1, 0)]], rank)
            found[level] = files
        return found


def _once(rows: Iterable[tuple], rank: _Rank) -> tuple[DataFile, ...]:
    """Return files, of each name that of the newest version in the first root."""
    by_name: dict[str, tuple] = {}
    for row in sorted(rows, key=lambda row: (row[10], row[3], [-newness(row[2])[0]], rank(row[4]), row[4])):
        by_name.setdefault(row[3], row)
    return tuple(_file(row) for row in by_name.values())


def stored_sets(connection: Any, roots: list[str]) -> list[McSet]:
    """Make the sets of Monte Carlo that the folders have.

    Each is at the latest level that there is. Where a set is there of several periods or versions of the
    simulation, each is a set of its own, with these in its name.
    """
    rows = connection.execute(
        """SELECT level, run, coalesce(version, '') AS version, name, folder, size, place, period, mc_version,
            format('GA_za{:02d}to{:02d}_{}', zenith_min, zenith_max, geometry) AS mc_set, telescope,
            folder_sample
        FROM files
        WHERE kind = 'mc' AND list_bool_or([folder = root OR starts_with(folder, root || '/') FOR root IN $roots])
        ORDER BY mc_set, period, mc_version, level, name, version""",
        {"roots": roots},
    ).fetchall()
    told = {
        (name, level, period, version): (nsb, trigger)
        for name, level, period, version, nsb, trigger in connection.execute(
            "SELECT mc_set, level, period, mc_version, nsb, trigger FROM mc_sets"
        ).fetchall()
    }
    groups: dict[tuple[str, str | None, str | None], dict[str, list[tuple]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row[9], row[7], row[8]][row[0]].append(row)
    several = Counter(key for key, _, _ in groups)
    rank = _Rank(roots)
    sets = []
    for (key, when, version), by_level in groups.items():
        level = max(by_level, key=MC_LEVELS.index)
        files = sorted(_once(by_level[level], rank), key=lambda file: str(file.name))
        nsb, trigger = told.get((key, level, when, version), (None, None))
        name = files[0].name
        assert isinstance(name, McName)  # only Monte Carlo was asked for
        words = "-".join(part for part in (when, version) if part)
        full = f"{key}_{words}" if several[key] > 1 and words else key
        sets.append(
            McSet(
                full,
                name.zenith,
                name.geometry,
                level,
                tuple(files),
                period=when,
                version=version,
                nsb=nsb,
                trigger=trigger,
            )
        )
    return sets


def loose_runs(paths: list[Path], kind: str) -> list[Run]:
    """Make runs of single DL3 files that are in no root of storage."""
    found = []
    for path in paths:
        name = parse(path.name)
        if isinstance(name, DataName):
            told = read_inside(str(path), name.level, is_mc=False)
            seconds = told.get("seconds")
            told["minutes"] = None if seconds is None else seconds / 60
            files = (DataFile(name, path=path),)
            first = (name.date, name.source, name.wobble)
            found.append(Run(**_run(name.run, name.level, files, first, kind, told)))
    return found
