"""Choosing runs: what was asked for, both telescopes, light, weather. Each run left out has one reason.

The checks are made in the order of `CHECKS`; the first that fails is the reason. What is not known of a run is not
held against it, but said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from automagic.analysis import Analysis
from automagic.cards import closest
from automagic.errors import UserError
from automagic.index.runs import Run
from automagic.selection.checks import CHECKS, SKY, UNKNOWN, Judge, Reason, itself
from automagic.selection.checks import names as source_names
from automagic.selection.conditions import Conditions, conditions, grouped, nsb_of, tabled_periods
from automagic.selection.levels import remarks as level_remarks
from automagic.selection.remarks import remarks

MANY = 20
"""Up to so many runs are named in notes one by one; of more it is said how many."""


WORDS = {
    "runs": "not asked for",
    "exclude": "excluded",
    "source": "another source",
    "dates": "other date",
    "nights": "other night",
    "periods": "other period",
    "telescope": "telescope missing",
    "calibration": "calibration missing",
    "reports": "report missing",
    "trigger": "other trigger",
    "hv": "other HV",
    "wobbles": "other wobble",
    "zenith": "zenith",
    "azimuth": "azimuth",
    "nsb": "bright sky",
    "transmission": "haze",
    "cloudiness": "clouds",
    "rate": "rate",
    "minutes_min": "too short",
    "itself": "the source itself",
    "mc": "no Monte Carlo",
}
"""The reasons in two words, in the order in which they are looked for."""


@dataclass(frozen=True)
class Selection:
    """What an analysis takes of the runs that there are.

    Attributes
    ----------
    runs
        Taken, in the order found.
    notes
        Sentences about what was left out, is unusual or is not known.
    left_out
        All others, each with the one reason.
    remarks
        Sentences about single runs that are taken, by run number.
    """

    runs: list[Run]
    notes: list[str] = field(default_factory=list)
    left_out: list[tuple[Run, Reason]] = field(default_factory=list)
    remarks: dict[int, list[str]] = field(default_factory=dict)

    @property
    def groups(self) -> dict[Conditions, list[Run]]:
        """The runs taken, by conditions."""
        return grouped(self.runs)

    @property
    def minutes(self) -> float:
        """Minutes of the runs taken, as far as known."""
        return sum(run.minutes or 0.0 for run in self.runs)

    def rows(self, *, every: bool = False) -> list[dict[str, Any]]:
        """Return a row a run, for the catalog, in the order of the numbers.

        Parameters
        ----------
        every
            With the runs of other sources, of which a large site has many.
        """
        rows = [_row(run, None, self.remarks.get(run.run, [])) for run in self.runs]
        rows += [_row(run, reason, []) for run, reason in self.left_out if every or reason.key != "source"]
        return sorted(rows, key=lambda row: (row["run"], not row["taken"]))


def _row(run: Run, reason: Reason | None, said: list[str]) -> dict[str, Any]:
    low, high = run.zenith or (None, None)
    return {
        "run": run.run,
        "taken": reason is None,
        "cause": None if reason is None else reason.key,
        "reason": None if reason is None else reason.text,
        "night": run.night,
        "source": run.source,
        "wobble": run.wobble,
        "level": run.level,
        "start": run.start,
        "minutes": run.minutes,
        "zenith_min": low,
        "zenith_max": high,
        "azimuth": run.azimuth,
        "period": run.period,
        "nsb": nsb_of(run),
        "hv": run.hv,
        "trigger": run.trigger,
        "transmission": run.transmission,
        "cloudiness": run.cloudiness,
        "rate": None if run.rate is None else round(run.rate, 3),
        "version": run.version,
        "conditions": str(conditions(run)),
        "remarks": "; ".join(said) or None,
    }


def select(analysis: Analysis, found: list[Run]) -> Selection:
    """Choose the runs that an analysis takes.

    Parameters
    ----------
    analysis
        Its ``[source]`` and ``[data]``.
    found
        All runs that there are.

    Returns
    -------
    Selection

    Raises
    ------
    UserError
        Where nothing remains, or a run that was asked for by number is not there.
    """
    numbers = {run.run for run in found}
    for number in analysis.data.runs:
        if number not in numbers:
            raise UserError(
                f"data.runs: there is no run {number:08d} at the site",
                hint=f"It may be at another level than '{analysis.data.level}'; the key is data.from.",
            )
    selection = judge(analysis, found)
    if not selection.runs:
        key = "[[sources]]" if analysis.sources else "[source]"
        raise UserError(
            _nothing(analysis, found, selection.notes), hint=f"Change {key} or [data] in analysis.toml, or site.toml."
        )
    return selection


def judge(analysis: Analysis, found: list[Run]) -> Selection:
    """Choose as `select` does, and raise nothing where no run remains."""
    judge = Judge(analysis)
    return _chosen(found, judge, [key for key, _ in CHECKS])


def select_off(analysis: Analysis, found: list[Run]) -> Selection:
    """Choose the off runs that models may be trained with, as far as that does not depend on the Monte Carlo.

    They have both telescopes and, where raw, calibration runs and reports, and pass the same limits on light, weather,
    HV and trigger; those that look at the source itself are left out. Nothing is raised where none remains.
    """
    judge = Judge(analysis, off=True)
    return _chosen(found, judge, ["itself", "exclude", "telescope", "calibration", "reports", *SKY])


def _chosen(found: list[Run], judge: Judge, keys: list[str]) -> Selection:
    checks = [(key, check) for key, check in (*CHECKS, ("itself", itself)) if key in keys]
    taken: list[Run] = []
    left_out: list[tuple[Run, Reason]] = []
    for run in found:
        for key, check in checks:
            text = check(judge, run)
            if text is not None:
                left_out.append((run, Reason(key, text)))
                break
        else:
            taken.append(run)
    moonlit = judge.analysis.kind == "moon"
    said = {run.run: [*remarks(run), *(level_remarks(run) if moonlit else [])] for run in taken}
    notes = [
        *_period_notes(judge, found),
        *_left_out_notes(left_out),
        *_remark_notes(said),
        *_unknown_notes(judge, taken, keys),
    ]
    return Selection(taken, notes, left_out, {run: each for run, each in said.items() if each})


def _unknown_notes(judge: Judge, runs: list[Run], keys: list[str]) -> list[str]:
    """Say which limits could not be applied: one sentence on the zenith distance, one for keys unknown together."""
    together: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for key in keys:
        if key in UNKNOWN and (key in SKY or key == "zenith" or getattr(judge.data, key)):
            numbers = tuple(run.run for run in runs if UNKNOWN[key][1](run) is None)
            together[numbers if key != "zenith" else (*numbers, -1)].append(key)
    notes = []
    for numbers, several in together.items():
        runs_only = tuple(number for number in numbers if number >= 0)
        if not runs_only:
            continue
        one, single = len(runs_only) == 1, len(several) == 1
        words = listed([UNKNOWN[key][0] for key in several])
        applied = listed([f"data.{key}" for key in several])
        notes.append(
            f"{named(runs_only)}: {'its' if one else 'their'} {words} {'is' if single else 'are'} not known, "
            f"so {applied} {'was' if single else 'were'} not applied"
        )
    return notes


def _period_notes(judge: Judge, found: list[Run]) -> list[str]:
    """Say which of the periods asked for no table has and no run is of: a mistake in writing, or a gap in the table."""
    known = {run.period for run in found}
    return [
        f"data.periods: catalog/periods.csv has no {each}, so no night is known to be of it"
        for each in judge.data.periods or ()
        if each not in known and each not in tabled_periods()
    ]


def _left_out_notes(left_out: list[tuple[Run, Reason]]) -> list[str]:
    """Say what was left out, run by run where these are few. What nobody asked for is not worth a word."""
    told = [(run, reason) for run, reason in left_out if reason.key != "runs"]
    if len(told) <= MANY:
        return [f"run {run.run:08d} left out: {reason.text}" for run, reason in told]
    by_key: dict[str, list[Run]] = defaultdict(list)
    for run, reason in told:
        by_key[reason.key].append(run)
    return [f"{named([run.run for run in runs])} left out: {WORDS[key]}" for key, runs in by_key.items()]


def _remark_notes(said: dict[int, list[str]]) -> list[str]:
    notes = [f"run {number:08d}: {sentence}" for number, sentences in said.items() for sentence in sentences]
    if len(notes) <= MANY:
        return notes
    return [*notes[:MANY], f"… and {len(notes) - MANY} more remarks about runs that were taken"]


def named(numbers: Sequence[int]) -> str:
    """Name runs, and count them where they are many.

    Examples
    --------
    >>> named([5029747]), named([7, 8]), named(range(100))
    ('run 05029747', 'runs 00000007 and 00000008', '100 runs')
    """
    if len(numbers) > 3:
        return f"{len(numbers):,} runs"
    return f"run{'s' if len(numbers) > 1 else ''} {listed([f'{number:08d}' for number in numbers])}"


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence.

    Examples
    --------
    >>> listed(["zenith", "HV", "rate"])
    'zenith, HV and rate'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def named_sources(analysis: Analysis) -> list[str]:
    """Return the names of the sources of an analysis, and of more than three how many there are."""
    known = [each.name for each in analysis.known]
    return known if len(known) <= 3 else [*known[:2], f"{len(known) - 2} more"]


def _nothing(analysis: Analysis, found: list[Run], notes: list[str]) -> str:
    asked = f"{analysis.folder / 'analysis.toml'}: no run of {listed(named_sources(analysis))} remains"
    if not found:
        level = analysis.data.level
        return f"{asked}: the site has no {level} files (storage.roots and simulate.runs are empty)"
    sources = sorted({run.source for run in found})
    names = source_names(analysis)
    if analysis.data.cone is None and not {*names} & {*sources}:
        near = closest(names[0], sources)
        text = f"{asked}: the site has runs of {', '.join(sources[:20])}{' …' if len(sources) > 20 else ''}"
        return f"{text}; did you mean {near!r}?" if near else text
    shown = notes[:10] + ([f"… and {len(notes) - 10} more"] if len(notes) > 10 else [])
    return "\n  ".join([f"{asked} of {len(found)}:", *shown])
