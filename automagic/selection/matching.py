"""Which Monte Carlo and which off runs belong to a run, and which one condition has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from automagic.index.runs import McSet, Run
from automagic.naming import McName, wobble
from automagic.selection.choose import listed, named
from automagic.selection.conditions import Conditions, conditions, nsb_class, nsb_of

OFF_MARGIN = 5.0
"""Off runs may lie this many degrees outside the zenith range of the Monte Carlo (as in MarsUtil)."""

MC_OFFSET = 0.4
"""Of the source from the centre in degrees, in Monte Carlo of the geometries w0 and wr (catalog/mc_productions.csv)."""

_LEVELS = ("calibrated", "star", "superstar", "melibea")


@dataclass(frozen=True)
class _Condition:
    """One thing that Monte Carlo and data have in common: its name, and its value of each; `None` where not known."""

    word: str
    key: str
    of_run: Callable[[Run], Any]
    of_mc: Callable[[McSet, Run], Any]


# after the zenith distance, what matters most first
_CONDITIONS = (
    _Condition("trigger", "data.trigger", lambda run: run.trigger, lambda mc, _: mc.trigger),
    _Condition(
        "night-sky background",
        "data.nsb",
        lambda run: nsb_class(nsb_of(run), run.hv),
        lambda mc, run: nsb_class(mc.nsb, run.hv),
    ),
    _Condition("period", "data.periods", lambda run: run.period, lambda mc, _: mc.period),
)


@dataclass(frozen=True)
class Match:
    """A group of runs under the same conditions, with what belongs to it.

    Attributes
    ----------
    conditions
        Of the runs; the zenith range is that of the Monte Carlo.
    runs
        Taken, in order.
    mc
        The Monte Carlo set, or `None`.
    off
        The off runs that its models are trained with.
    problem
        The one condition that has no match, as a sentence; `None` where all is there.
    remarks
        What is unusual: runs at the edge of the zenith range, what is not known.
    """

    conditions: Conditions
    runs: list[Run]
    mc: McSet | None = None
    off: list[Run] = field(default_factory=list)
    problem: str | None = None
    remarks: list[str] = field(default_factory=list)


def choose_mc(run: Run, sets: list[McSet], geometry: str) -> tuple[McSet | None, str | None]:
    """Choose the Monte Carlo for a run; where there is none, say why.

    The zenith range has to hold the middle of the run; trigger, class of night-sky background and period have to be
    the same where both are known. Of several sets that fit, one of which more is known to fit is taken; then the usual
    one (standard trigger, dark), with both halves where there are halves, of the newest version.

    Parameters
    ----------
    run
        A run that is taken.
    sets
        All that the site has.
    geometry
        ``"w0"``, ``"wr"`` or ``"wd"``.

    Returns
    -------
    McSet or None
    str or None
        The one condition that has no match, as a sentence that says what there is instead.
    """
    sets = [mc for mc in sets if mc.geometry == geometry]
    if not sets:
        return None, (
            f"the site has no gamma Monte Carlo of geometry {geometry}; "
            "add it to storage.mc or simulate.mc in site.toml"
        )
    if run.middle is None and len({mc.zenith for mc in sets}) > 1:
        return None, f"the zenith distance of run {run.run:08d} is not known, so its Monte Carlo cannot be chosen"
    missed = {id(mc): _missed(run, mc) for mc in sets}
    fewest = min(len(each) for each in missed.values())
    nearest = [mc for mc in sets if len(missed[id(mc)]) == fewest]
    if fewest == 0:
        return max(nearest, key=lambda mc: _worth(run, mc)), None
    return None, _no_mc(run, nearest, missed)


def _missed(run: Run, mc: McSet) -> list[str]:
    """List the conditions that a set does not meet, the weightiest first."""
    words = [] if run.middle is None or mc.covers(run.middle) else ["zenith"]
    for each in _CONDITIONS:
        have, want = each.of_mc(mc, run), each.of_run(run)
        if have is not None and want is not None and have != want:
            words.append(each.word)
    return words


def _no_mc(run: Run, nearest: list[McSet], missed: dict[int, list[str]]) -> str:
    """Name the one condition: the lightest that alone stands in the way, else the weightiest."""
    order = ["zenith", *(each.word for each in _CONDITIONS)]
    blamed = max((missed[id(mc)][0] for mc in nearest), key=order.index)
    which = [mc for mc in nearest if missed[id(mc)][0] == blamed]
    if blamed == "zenith":
        ranges = listed([f"{low}–{high}°" for low, high in sorted({mc.zenith for mc in which})])
        return (
            f"no Monte Carlo covers the zenith distance of run {run.run:08d}, {run.middle:.1f}°; there is {ranges}. "
            "Add Monte Carlo in site.toml, or narrow data.zenith in analysis.toml"
        )
    condition = next(each for each in _CONDITIONS if each.word == blamed)
    there = listed(sorted({str(condition.of_mc(mc, run)) for mc in which}))
    return (
        f"no Monte Carlo of {_said(condition, condition.of_run(run))} for run {run.run:08d}; there is {there}. "
        f"Add Monte Carlo in site.toml, or narrow {condition.key} in analysis.toml"
    )


def _said(condition: _Condition, value: str) -> str:
    return value if condition.key == "data.nsb" and value.startswith("NSB") else f"{condition.word} {value}"


def _worth(run: Run, mc: McSet) -> tuple[Any, ...]:
    """Order sets that fit: known to fit, usual, whole, nearest in light, newest, at the latest level."""
    known = sum(each.of_mc(mc, run) is not None and each.of_mc(mc, run) == each.of_run(run) for each in _CONDITIONS)
    usual = (mc.trigger in (None, "standard")) + (nsb_class(mc.nsb) in (None, "dark"))
    halves = {file.name.half for file in mc.files if isinstance(file.name, McName)}
    nsb = nsb_of(run)
    darker = 0.0 if nsb is None or mc.nsb is None else -abs(nsb - mc.nsb)
    last = (mc.period or "", mc.trigger or "", mc.nsb or 0.0, mc.name)  # for one order of all
    return known, usual, halves != {1} and halves != {2}, darker, natural(mc.version), _LEVELS.index(mc.level), last


def natural(version: str | None) -> list[tuple[int, str]]:
    """Return what puts versions in the order that people mean.

    Examples
    --------
    >>> sorted(["v10", "v9", "Mmcs699"], key=natural)
    ['Mmcs699', 'v9', 'v10']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", version or "")
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def mc_remarks(run: Run, mc: McSet) -> list[str]:
    """Say what is unusual about a run with its Monte Carlo: zenith distances beyond the set's, another offset."""
    said = []
    if _beyond(run, mc):
        assert run.zenith is not None
        low, high = run.zenith
        said.append(
            f"run {run.run:08d} goes from {low:.1f}° to {high:.1f}° zenith distance; "
            f"{mc.name} was chosen by the middle, {run.middle:.1f}°"
        )
    if _elsewhere(run, mc):
        assert run.wobble is not None
        said.append(
            f"run {run.run:08d} has its source {wobble(run.wobble)[0]:.2f}° off the centre, {mc.name} {MC_OFFSET:.2f}°"
        )
    return said


def _beyond(run: Run, mc: McSet) -> bool:
    return run.zenith is not None and not mc.zenith[0] <= run.zenith[0] <= run.zenith[1] <= mc.zenith[1]


def _elsewhere(run: Run, mc: McSet) -> bool:
    """Whether the Monte Carlo has its source at another distance from the centre of the camera."""
    if mc.geometry not in ("w0", "wr") or run.wobble is None:
        return False
    return abs(wobble(run.wobble)[0] - MC_OFFSET) > 0.05


def _all_remarks(runs: list[Run], mc: McSet) -> list[str]:
    """Say the same of many runs, in a sentence where they are more than three."""
    beyond = [run for run in runs if _beyond(run, mc)]
    elsewhere = [run for run in runs if _elsewhere(run, mc)]
    if max(len(beyond), len(elsewhere)) <= 3:
        return [each for run in runs for each in mc_remarks(run, mc)]
    said = []
    if beyond:
        said.append(f"{named([run.run for run in beyond])}: their zenith distance goes beyond that of {mc.name}, "
                    "which was chosen by their middle")  # fmt: skip
    if elsewhere:
        said.append(f"{named([run.run for run in elsewhere])}: their source is not {MC_OFFSET:.2f}° off the centre, "
                    f"as that of {mc.name} is")  # fmt: skip
    return said


def choose_off(mc: McSet, off_runs: list[Run], runs: Sequence[Run] = ()) -> tuple[list[Run], list[str]]:
    """Choose the off runs to train the models of a Monte Carlo set with.

    Their zenith range is that of the set ± `OFF_MARGIN`; trigger, class of night-sky background and period are those of
    the Monte Carlo, or where it does not tell, of the runs that it is for. An off run that does not tell is taken.

    Parameters
    ----------
    mc
        The set.
    off_runs
        All that may be used, see `automagic.selection.choose.select_off`.
    runs
        The runs that the models are for.

    Returns
    -------
    list of Run
        Chosen.
    list of str
        Remarks; where no off run is chosen, one sentence that names the condition without a match.
    """
    low, high = mc.zenith[0] - OFF_MARGIN, mc.zenith[1] + OFF_MARGIN
    left = [run for run in off_runs if run.middle is None or low <= run.middle <= high]
    where = f"within {OFF_MARGIN:.0f}° of the zenith range {mc.zenith[0]}–{mc.zenith[1]}°"
    to_do = "to train the gamma/hadron separation with; add some to storage.off or simulate.off in site.toml"
    if not left:
        return [], [f"there is no off run {where} {to_do}"]
    unknown: dict[str, list[int]] = {}
    blind = [run.run for run in left if run.middle is None]
    if blind:
        unknown["zenith distance"] = blind
    for each in _CONDITIONS:
        wanted = _wanted(each, mc, runs)
        if not wanted:
            continue
        fit = [run for run in left if each.of_run(run) is None or each.of_run(run) in wanted]
        if not fit:
            there = listed(sorted({str(each.of_run(run)) for run in left}))
            want = _said(each, " or ".join(sorted(wanted)))
            return [], [f"there is no off run of {want} {where} {to_do}. There is {there}"]
        left = fit
        silent = [run.run for run in left if each.of_run(run) is None]
        if silent:
            unknown[each.word] = silent
    together: dict[tuple[int, ...], list[str]] = {}
    for word, numbers in unknown.items():
        together.setdefault(tuple(numbers), []).append(word)
    return left, [
        f"off {named(numbers)}: {listed(words)} not known, taken for {mc.name}" for numbers, words in together.items()
    ]


def _wanted(condition: _Condition, mc: McSet, runs: Sequence[Run]) -> set[str]:
    if runs:
        of_mc = {condition.of_mc(mc, run) for run in runs}
    else:
        of_mc = {condition.of_mc(mc, _ANY)}
    found = of_mc - {None} or {condition.of_run(run) for run in runs} - {None}
    return {str(each) for each in found}


_ANY = Run(0, "", "", None, "", ())


def match(runs: Sequence[Run], sets: list[McSet], off_runs: list[Run], geometry: str) -> list[Match]:
    """Group runs by conditions, with the Monte Carlo and the off runs of each group.

    Parameters
    ----------
    runs
        Taken.
    sets, off_runs
        What the site has.
    geometry
        Of the Monte Carlo.

    Returns
    -------
    list of Match
        In the order in which the conditions occur.
    """
    ranges = sorted({(float(mc.zenith[0]), float(mc.zenith[1])) for mc in sets if mc.geometry == geometry})
    groups: dict[tuple[Conditions, str | None], Match] = {}
    users: dict[str, list[Run]] = {}
    for run in runs:
        mc, problem = choose_mc(run, sets, geometry)
        under = conditions(run, ranges)
        if mc is not None:
            under = replace(under, zenith=(float(mc.zenith[0]), float(mc.zenith[1])))
            users.setdefault(mc.name, []).append(run)
        elif under.zenith is None:
            under = conditions(run)
        group = groups.setdefault((under, None if mc is None else mc.name), Match(under, [], mc, problem=problem))
        group.runs.append(run)
    return [_with_off(group, off_runs, users) for group in groups.values()]


def _with_off(group: Match, off_runs: list[Run], users: dict[str, list[Run]]) -> Match:
    mc = group.mc
    if mc is None:
        return group
    edge = _all_remarks(group.runs, mc)
    silent = [each.word for each in _CONDITIONS if each.of_mc(mc, group.runs[0]) is None]
    unknown = [f"{listed(silent)} of {mc.name} not known, taken as fitting"] if silent else []
    if group.conditions.hv == "reduced":
        unknown.append(f"whether {mc.name} is for reduced HV is not known")
    if mc.level == "melibea":  # its models are there already
        return replace(group, remarks=[*edge, *unknown])
    off, said = choose_off(mc, off_runs, users[mc.name])
    if not off:
        return replace(group, problem=said[0], remarks=[*edge, *unknown])
    return replace(group, off=off, remarks=[*edge, *unknown, *said])
