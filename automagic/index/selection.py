"""Choosing runs: source, dates, zenith, both telescopes. What is left out is said, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from automagic.analysis import Analysis
from automagic.cards import closest
from automagic.errors import UserError
from automagic.index.defaults import limits
from automagic.index.runs import Run
from automagic.naming import DataName
from automagic.naming.names import PER_TELESCOPE


@dataclass(frozen=True)
class Selection:
    """Runs taken, and sentences about what was left out or is unusual."""

    runs: list[Run]
    notes: list[str] = field(default_factory=list)


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
    notes: list[str] = []
    taken: list[Run] = []
    numbers = {run.run for run in found}
    for number in analysis.data.runs:
        if number not in numbers:
            raise UserError(f"data.runs: there is no run {number:08d} at the site")
    for run in found:
        reason = reason_against(analysis, run)
        if reason is None:
            taken.append(run)
            notes += remarks(run)
        elif not (analysis.data.runs and run.run not in analysis.data.runs):
            notes.append(f"run {run.run:08d} left out: {reason}")
    if not taken:
        raise UserError(
            _nothing(analysis, found, notes), hint="Change [source] or [data] in analysis.toml, or site.toml."
        )
    return Selection(taken, notes)


def reason_against(analysis: Analysis, run: Run) -> str | None:
    """Say why a run is not taken, or `None`."""
    data = analysis.data
    if data.runs and run.run not in data.runs:
        return "not in data.runs"
    if run.run in data.exclude:
        return "in data.exclude"
    if run.source != analysis.source.name:
        return f"its source is {run.source}"
    if data.dates and not data.dates[0].isoformat() <= run.night <= data.dates[1].isoformat():
        return f"its night {run.night} is outside data.dates"
    low, high = limits(analysis).zenith
    if run.middle is not None and not low <= run.middle <= high:
        return f"its zenith distance {run.middle:.1f}° is outside data.zenith"
    return missing_telescope(run)


def missing_telescope(run: Run) -> str | None:
    """Say which telescope a run lacks, or `None`."""
    if run.level not in PER_TELESCOPE:
        return None
    for telescope in (1, 2):
        if not run.of(telescope):
            return f"it has no {run.level} file of M{telescope}"
    return None


def remarks(run: Run) -> list[str]:
    """Say what is unusual about a run that is taken: subruns that one telescope or both lack."""
    if run.level not in PER_TELESCOPE:
        return []
    by_telescope = {
        t: {f.name.subrun for f in run.of(t) if isinstance(f.name, DataName) and f.name.subrun is not None}
        for t in (1, 2)
    }
    either = by_telescope[1] | by_telescope[2]
    notes = []
    for telescope, present in by_telescope.items():
        lacking = sorted(either - present)
        if lacking:
            words = ", ".join(f"{subrun:03d}" for subrun in lacking)
            notes.append(f"run {run.run:08d}: M{telescope} lacks subrun {words}; its events have no partner")
    gap = sorted(set(range(min(either), max(either) + 1)) - either)
    if gap:
        notes.append(f"run {run.run:08d}: neither telescope has subrun {', '.join(f'{s:03d}' for s in gap)}")
    if run.zenith is None:
        notes.append(f"run {run.run:08d}: its zenith distance is not known, so data.zenith was not applied")
    return notes


def _nothing(analysis: Analysis, found: list[Run], notes: list[str]) -> str:
    asked = f"{analysis.folder / 'analysis.toml'}: no run of {analysis.source.name} remains"
    if not found:
        level = analysis.data.level
        return f"{asked}: the site has no {level} files (storage.{level} and simulate.runs are empty)"
    sources = sorted({run.source for run in found})
    if analysis.source.name not in sources:
        near = closest(analysis.source.name, sources)
        text = f"{asked}: the site has runs of {', '.join(sources)}"
        return f"{text}; did you mean {near!r}?" if near else text
    shown = notes[:10] + ([f"… and {len(notes) - 10} more"] if len(notes) > 10 else [])
    return "\n  ".join([f"{asked} of {len(found)}:", *shown])
