"""Levels of brightness (NSB and high voltage), and the parts of runs that are of one level.

The levels are those of ``catalog/nsb_levels.csv``, each with cleaning levels and size cut from
``catalog/cleaning_levels.csv``. Up to twice a dark night's light the standard analysis is good (MarsUtil: no tuned
Monte Carlo up to 2000 nA), so that all of it is one level, ``dark``. Filters are not known to the index; their levels
are not used.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from itertools import groupby, pairwise
from statistics import median

from automagic.index.runs import McSet, Run
from automagic.kinds import Values
from automagic.mjd import moment
from automagic.selection.conditions import CATALOG, DC_PER_NSB, nsb_of

DARK = 2.0
"""Up to here all is one level, whose analysis is the standard one."""

SHORTEST_MIN = 2.0
"""A piece of a run that is shorter (minutes) is no part of its own: with a darker level it goes to its brighter
neighbour, whose cleaning is safe for it; else it is left out."""

SMOOTH = 5
"""A report of the current counts as the median of so many around it."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Level:
    """A level of brightness.

    Attributes
    ----------
    label
        ``"dark"``, ``"NSB_2-3"``, ``"NSB_5-8_redHV"``: as the folders of MAGIC's public release.
    nsb
        Above the first and up to the second, in units of a dark night's.
    hv
        ``"nominal"`` or ``"reduced"``.
    cleaning
        First and second level of the cleaning, phe.
    size
        Least size of an image, phe.
    pedestal
        Mean and rms that dark Monte Carlo and off data are given, phe, by engine; absent where not known.
    """

    label: str
    nsb: tuple[float, float]
    hv: str
    cleaning: tuple[float, float]
    size: float
    pedestal: dict[str, tuple[float, float]]

    def __hash__(self) -> int:
        return hash(self.label)

    @property
    def dark(self) -> bool:
        """Whether the analysis is the standard one."""
        return self.label == "dark"

    def has(self, nsb: float | None, hv: str | None) -> bool:
        """Whether what was taken under such light is of this level; what is not known counts as dark, nominal."""
        low, high = self.nsb
        value = 1.0 if nsb is None else nsb
        return (hv or "nominal") == self.hv and (value == low == 0 or low < value <= high)

    def cards(self, engine: str) -> Values:
        """Return the card values of all that is of this level, by program and key."""
        # openmars' star compares the current of the whole run with the levels, but a part of it may be of another, and
        # levels go by multiples of a dark night's current and not by MarsUtil's nA; a key that is openmars' own
        check: dict[str, object] = {"MJStar.CheckCleaning": False} if engine == "openmars" else {}
        if self.dark:
            return {"star": check} if check else {}
        return {
            "star": {
                "MJStar.MImgCleanStd.CleanLevel1": self.cleaning[0],
                "MJStar.MImgCleanStd.CleanLevel2": self.cleaning[1],
                # under a bright sky the starguider sees no stars (MarsUtil switches it off)
                "MJStar.UseStarguider": False,
                "MJStar.CalibStarguider": False,
                **check,
            },
            "magic_dl3": {"MagicDL3.MinSize": self.size},
        }

    def noise(self, engine: str) -> Values:
        """Return the further values for Monte Carlo and off data that are darker than this level."""
        values: dict[str, object] = {"MJStar.UseAddNoise": True, "MJStar.MAddNoise.Method": 2}
        if engine in self.pedestal:
            mean, rms = self.pedestal[engine]
            values |= {"MJStar.MAddNoise.NewNoiseMean": mean, "MJStar.MAddNoise.NewNoiseRMS": rms}
        return {"star": values}


@cache
def levels() -> tuple[Level, ...]:
    """Return all levels, the darkest of each high voltage first."""
    cleaning = _rows("cleaning_levels.csv")
    found = [_level(row, cleaning) for row in _rows("nsb_levels.csv") if row["filter"] == "none"]
    dark = [each for each in found if each.hv == "nominal" and each.nsb[1] <= DARK]
    rest = [each for each in found if each not in dark]
    return (replace(dark[0], label="dark", nsb=(0.0, DARK)), *rest)


def _rows(name: str) -> list[dict[str, str]]:
    with (CATALOG / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _level(row: dict[str, str], cleaning: list[dict[str, str]]) -> Level:
    low, high = float(row["nsb_min"]), float(row["nsb_max"])
    fits = [each for each in cleaning if each["hv"] == row["hv"] and float(each["dc_max_na"]) >= high * DC_PER_NSB]
    best = min(fits, key=lambda each: float(each["dc_max_na"]))
    pedestal = {
        engine: (float(row[mean]), float(row[rms]))
        for engine, mean, rms in (
            ("mars", "pedestal_mean_phe", "pedestal_rms_phe"),
            ("openmars", "openmars_mean_phe", "openmars_rms_phe"),
        )
        if row[mean]
    }
    return Level(
        label=f"NSB_{low:g}-{high:g}{'_redHV' if row['hv'] == 'reduced' else ''}",
        nsb=(low, high),
        hv=row["hv"],
        cleaning=(float(best["level1_phe"]), float(best["level2_phe"])),
        size=float(best["size_min_phe"]),
        pedestal=pedestal,
    )


def level_of(nsb: float | None, hv: str | None) -> Level | None:
    """Return the level of a brightness, or `None` where there is none.

    Examples
    --------
    >>> level_of(1.4, "nominal").label, level_of(6, "reduced").label, level_of(2.5, None).label, level_of(20, "nominal")
    ('dark', 'NSB_5-8_redHV', 'NSB_2-3', None)
    """
    if nsb is None and hv == "reduced":
        return None
    return next((each for each in levels() if each.has(nsb, hv)), None)


def labels() -> tuple[str, ...]:
    """Return the labels of all levels."""
    return tuple(each.label for each in levels())


@dataclass(frozen=True)
class Part:
    """What a run has of one level.

    Attributes
    ----------
    run
        The run, with the mean brightness of this part.
    level
        Of the part.
    number
        Its place among the parts of the run, from 0 on.
    times
        Intervals (MJD) that are of it; none where it is the whole run.
    minutes
        Length, or `None` where not known.
    """

    run: Run
    level: Level
    number: int = 0
    times: tuple[Interval, ...] = ()
    minutes: float | None = None

    @property
    def obs_id(self) -> int:
        """Number of the observation in its DL3 file: the run's; a further part has its place before the eight digits.

        Examples
        --------
        >>> Part(Run(5029747, "", "", None, "", ()), levels()[1], 1).obs_id
        105029747
        """
        return self.run.run + self.number * 10**8

    @property
    def excluded(self) -> tuple[Interval, ...]:
        """Times (MJD) that belong to other parts, or to none; what is before the first report goes with it.

        Examples
        --------
        >>> run = Run(1, "", "", None, "", (), light=((5.0, 1.0), (5.5, 4.0)))
        >>> Part(run, levels()[0], times=((5.0, 5.2),)).excluded
        ((5.2, 6.5),)
        """
        if not self.times:
            return ()
        first, last = self.run.light[0][0], self.run.light[-1][0]
        marks = [first, *(each for pair in self.times for each in pair), last]
        gaps = [(a, b) for a, b in zip(marks[::2], marks[1::2], strict=True) if a < b]
        return tuple((a - 1 if a == first else a, b + 1 if b == last else b) for a, b in gaps)


def split(run: Run) -> tuple[list[Part], list[str]]:
    """Split a run at the boundaries of levels.

    Between two reports of its brightness that changes evenly. Where only one value is known, it is that of the whole
    run; where none is, the run counts as dark.

    Returns
    -------
    list of Part
        In order of time, each of another level; together with what is left out they are the whole run.
    list of str
        What is left out, and what is not known, in sentences.
    """
    name = f"run {run.run:08d}"
    if len(run.light) < 2 or run.level == "melibea":
        nsb = nsb_of(run)
        level = level_of(nsb, run.hv)
        if level is None:
            return [], [f"{name} left out: there is no level for {_light(nsb, run.hv)}"]
        said = [] if nsb is not None else [f"{name}: its NSB is not known; it is analysed as dark"]
        if len(run.light) >= 2 and len({each for _, _, each in pieces(run.light, run.hv)}) > 1:
            said.append(
                f"{name} is of several levels, but at melibea level it cannot be split; it is taken as {level.label}"
            )
        return [Part(run, level, minutes=run.minutes)], said
    found, said = [], []
    kept: dict[Level, list[Interval]] = {}
    for start, stop, level in _joined(pieces(run.light, run.hv)):
        if level is None:
            said.append(f"{name}: {_minutes(start, stop)} left out, there is no level for such light")
        elif (stop - start) * 1440 < SHORTEST_MIN and stop - start < run.light[-1][0] - run.light[0][0]:
            said.append(f"{name}: {_minutes(start, stop)} of {level.label} left out, too short for a part of its own")
        else:
            kept.setdefault(level, []).append((start, stop))
    for number, (level, times) in enumerate(kept.items()):
        whole = len(kept) == 1 and not said
        value = _mean(run.light, times)
        minutes = sum(stop - start for start, stop in times) * 1440
        found.append(
            Part(
                replace(run, nsb=round(value, 3), dc_na=None),
                level,
                number,
                () if whole else tuple(times),
                run.minutes if whole else round(minutes, 3),
            )
        )
    return found, said


Piece = tuple[float, float, "Level | None"]


def pieces(light: Sequence[tuple[float, float]], hv: str | None) -> list[Piece]:
    """Cut brightness against time at the boundaries of levels: start, stop (MJD) and level, in order, without gaps."""
    times = [time for time, _ in light]
    half = SMOOTH // 2
    # the outermost values stay: a median of fewer neighbours would move them towards the inside
    values = [
        median(v for _, v in light[i - half : i + half + 1]) if half <= i < len(light) - half else light[i][1]
        for i in range(len(light))
    ]
    edges = sorted({edge for each in levels() for edge in each.nsb if each.hv == (hv or "nominal")} - {0.0})
    found: list[Piece] = []
    for (t0, t1), (a, b) in zip(pairwise(times), pairwise(values), strict=True):
        at = sorted(t0 + (t1 - t0) * (edge - a) / (b - a) for edge in edges if min(a, b) < edge < max(a, b))
        marks = [t0, *at, t1]
        for start, stop in pairwise(marks):
            middle = a + (b - a) * ((start + stop) / 2 - t0) / (t1 - t0) if t1 > t0 else a
            found.append((start, stop, level_of(middle, hv)))
    return _merged(found)


def _merged(found: Iterable[Piece]) -> list[Piece]:
    merged = []
    for level, same in groupby(found, key=lambda piece: piece[2]):
        several = list(same)
        if several[-1][1] > several[0][0]:
            merged.append((several[0][0], several[-1][1], level))
    return merged


def _joined(found: list[Piece]) -> list[Piece]:
    """Give short pieces to a brighter neighbour, the darkest first."""

    def brightness(piece: Piece) -> float:
        return float("inf") if piece[2] is None else piece[2].nsb[0]

    while True:
        for i, piece in sorted(enumerate(found), key=lambda item: brightness(item[1])):
            near = [found[k] for k in (i - 1, i + 1) if 0 <= k < len(found) and found[k][2] is not None]
            brighter = [each for each in near if brightness(each) > brightness(piece)]
            if (piece[1] - piece[0]) * 1440 < SHORTEST_MIN and brighter:
                level = min(brighter, key=brightness)[2]
                found = _merged([*found[:i], (piece[0], piece[1], level), *found[i + 1 :]])
                break
        else:
            return found


def _mean(light: Sequence[tuple[float, float]], times: Iterable[Interval]) -> float:
    """Return the mean brightness of intervals, by the trapezoidal rule."""

    def value(time: float) -> float:
        for (t0, a), (t1, b) in pairwise(light):
            if t0 <= time <= t1 and t1 > t0:
                return a + (b - a) * (time - t0) / (t1 - t0)
        return light[-1][1] if time >= light[-1][0] else light[0][1]

    area = length = 0.0
    for start, stop in times:
        marks = [start, *(time for time, _ in light if start < time < stop), stop]
        area += sum((value(a) + value(b)) / 2 * (b - a) for a, b in pairwise(marks))
        length += stop - start
    return area / length


def _light(nsb: float | None, hv: str | None) -> str:
    return f"NSB {'not known' if nsb is None else format(nsb, '.3g')} at {hv or 'nominal'} HV"


def _minutes(start: float, stop: float) -> str:
    return f"{(stop - start) * 1440:.1f} min from {clock(start)} UTC on"


def clock(mjd: float) -> str:
    """Return the time of day of an MJD (UTC), to the second.

    Examples
    --------
    >>> clock(56570.25)
    '06:00:00'
    """
    return f"{moment(mjd) + timedelta(milliseconds=500):%H:%M:%S}"


def remarks(run: Run) -> list[str]:
    """Say of which levels a run is, and where it is split."""
    parts, said = split(run)
    short = [each.removeprefix(f"run {run.run:08d}").lstrip(": ") for each in said]
    if len(parts) == 1 and not parts[0].times:
        return [f"level {parts[0].level.label}", *short]
    words = [
        f"{part.level.label} {' and '.join(f'{clock(start)}–{clock(stop)}' for start, stop in part.times)}"
        for part in parts
    ]
    return [f"split by levels: {', '.join(words)}" if len(parts) > 1 else ", ".join(words), *short]


def darker(level: Level, sample: Run | McSet) -> bool:
    """Whether Monte Carlo or an off run is darker than a level, so that it needs noise to look like it."""
    nsb = sample.nsb if isinstance(sample, McSet) else nsb_of(sample)
    return not level.dark and not level.has(nsb, sample.hv) and (nsb is None or nsb <= level.nsb[1])


def serves(level: Level, sample: Run | McSet) -> bool:
    """Whether Monte Carlo or an off run can stand for a level: it is of it, or noise can make it so.

    Noise cannot be taken away. What was cleaned already cannot have noise added. Monte Carlo and off data of reduced
    high voltage are not taken for nominal ones; nominal ones are taken for reduced high voltage, with its noise.
    """
    nsb = sample.nsb if isinstance(sample, McSet) else nsb_of(sample)
    if level.has(nsb, sample.hv):
        return True
    if sample.hv == "reduced" and level.hv != "reduced":
        return False
    return darker(level, sample) and sample.level in ("raw", "calibrated")
