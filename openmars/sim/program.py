"""``openmars-sim``: simulates what the telescopes write, as files of one run or one MC pair.

It has no counterpart in MARS: MAGIC's simulation is CORSIKA and programs of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openmars.core.program import Context, Option, Program

if TYPE_CHECKING:
    from openmars.sim.card import SimCard


def main(ctx: Context) -> int:
    """Simulate what the card or the plan asks for; gives the exit code."""
    from openmars.core.provenance import card_text
    from openmars.sim.card import read_card

    card = read_card(ctx.env)
    if ctx.options["plan"]:
        return _plan(ctx)
    texts = card_text(ctx)
    make = {"gamma": _gamma, "pedestal": _quiet, "calibration": _quiet}.get(card.kind, _observation)
    for name in make(ctx, card, texts):
        ctx.log(f"written: {name}")
    return 0


def _plan(ctx: Context) -> int:
    from openmars.sim import storage

    written = storage.simulate(ctx, Path(ctx.value("plan")))
    ctx.log(f"written: {len(written)} files below {ctx.out}; all of them simulated")
    return 0


def _gamma(ctx: Context, card: SimCard, texts: dict[str, str]) -> list[str]:
    from openmars.sim import montecarlo

    pair = {t: ctx.output(montecarlo.mc_name(card, t)) for t in (1, 2)}
    n = montecarlo.simulate(card, pair, texts)
    ctx.log(f"run {card.run}: {card.showers} gammas simulated, {n} triggered both telescopes")
    return [path.name for path in pair.values()]


def _quiet(ctx: Context, card: SimCard, texts: dict[str, str]) -> list[str]:
    from openmars.io.times import day_of_sunrise
    from openmars.sim import observation, quiet

    names = observation.files_of(card, day_of_sunrise(card.start_mjd))
    quiet.simulate(card, {t: ctx.output(name) for (t, _), name in names.items()}, texts)
    ctx.log(f"run {card.run:08d}: {card.events} {card.kind} events simulated")
    return list(names.values())


def _observation(ctx: Context, card: SimCard, texts: dict[str, str]) -> list[str]:
    from openmars.sim.observation import Observation, files_of
    from openmars.sim.track import Track

    track = Track.of(card)
    paths = {key: ctx.output(name) for key, name in files_of(card, track.day).items()}
    reports = [ctx.output(path.with_suffix(".rep").name) for path in paths.values()] if card.raw else []
    ctx.log(
        f"run {card.run:08d}: {card.source} {card.wobble}, {card.duration:g} s; simulated, with "
        f"{card.background_fraction:g} of the true rate of cosmic rays"
    )
    counts = Observation(card, track, paths, texts).simulate()
    for subrun, n in counts.items():
        rate = n / (card.duration / card.subruns)
        ctx.log(f"run {card.run:08d}.{subrun:03d}: {n} stereo events, {rate:.1f} per second")
    return [path.name for path in (*paths.values(), *reports)]


PLAN_HELP = """simulate a storage tree of small runs instead: a TOML file with the keys
      level seed source ra dec wobble seconds subruns flux background version
      nsb transmission cloudiness hv trigger              (for all runs)
      [[runs]] run start kind missing gap unequal doubled report, and any key above
               but level and seed for this run alone
      [[calibration]] pedestal calibration start events   (level raw)
      their meanings are told in openmars/sim/plan.py"""

PROGRAM = Program(
    name="openmars-sim",
    summary="simulate what the MAGIC telescopes write",
    options=(Option("--plan", PLAN_HELP, "FILE"),),
    main=main,
    default_card="openmars-sim.rc",
)
