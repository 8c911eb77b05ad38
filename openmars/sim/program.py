"""``openmars-sim``: simulates what the telescopes write, as calibrated files of one run or one MC pair.

It has no counterpart in MARS: MAGIC's simulation is CORSIKA and programs of its own.
"""

from __future__ import annotations

from openmars.core.program import Context, Program


def main(ctx: Context) -> int:
    """Simulate what the card asks for; gives the exit code."""
    from openmars.core.provenance import card_text
    from openmars.sim.card import read_card

    card = read_card(ctx.env)
    texts = card_text(ctx)
    if card.kind == "gamma":
        from openmars.sim import montecarlo

        pair = {t: ctx.output(montecarlo.mc_name(card, t)) for t in (1, 2)}
        n = montecarlo.simulate(card, pair, texts)
        ctx.log(f"run {card.run}: {card.showers} gammas simulated, {n} triggered both telescopes")
        names = [path.name for path in pair.values()]
    else:
        from openmars.sim.observation import Observation, Track, file_name

        track = Track.of(card)
        paths = {
            (t, s): ctx.output(file_name(card, track.day, t, s)) for t in (1, 2) for s in range(1, card.subruns + 1)
        }
        ctx.log(
            f"run {card.run:08d}: {card.source} {card.wobble}, {card.duration:g} s; simulated, with "
            f"{card.background_fraction:g} of the true rate of cosmic rays"
        )
        counts = Observation(card, track, paths, texts).simulate()
        for subrun, n in counts.items():
            rate = n / (card.duration / card.subruns)
            ctx.log(f"run {card.run:08d}.{subrun:03d}: {n} stereo events, {rate:.1f} per second")
        names = [path.name for path in paths.values()]
    for name in names:
        ctx.log(f"written: {name}")
    return 0


PROGRAM = Program(
    name="openmars-sim",
    summary="simulate what the MAGIC telescopes write",
    options=(),
    main=main,
    default_card="openmars-sim.rc",
)
