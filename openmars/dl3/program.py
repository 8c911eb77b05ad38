"""magic_dl3: turns the ``_Q_`` file of a run into DL3, with the Monte Carlo's responses for that run.

The command line and the card of MARS's magic_dl3 are not public: these are openmars's own. What it makes
follows the files that MAGIC published, and the cuts of flute and magic_dl3 as far as they are known.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openmars.core import WARNING, Context, InputError, Option, Program, ProgramError

if TYPE_CHECKING:
    import numpy as np

    from openmars.dl3.events import GammaRays, Observation
    from openmars.dl3.irf import Settings
    from openmars.dl3.livetime import LiveTime

KEY = "MagicDL3"
EXIT_NOTHING_LEFT = 4
"""A run of which no event or no effective time is left (our own; MARS's codes are not public)."""


def main(ctx: Context) -> int:
    """Make one DL3 file for each data file of which something is left."""
    from openmars.dl3.events import NothingLeft, read_gammas

    runs = ctx.inputs(ctx.value("ind"))
    for path in runs:
        if "_Q_" not in path.name:
            raise InputError(f"{path}: its name has no _Q_; magic_dl3 takes the files that melibea writes")
    outputs = [ctx.output(path.stem.replace("_Q_", "_DL3_") + ".fits") for path in runs]
    gammas = read_gammas(ctx.inputs(ctx.value("mc")))
    settings = read_settings(ctx, gammas)
    ctx.log(f"Monte Carlo: {len(gammas.energy)} events of {len(gammas.sim_energy)} showers")
    code = 0
    for path, output in zip(runs, outputs, strict=True):
        try:
            convert(ctx, path, output, gammas, settings)
        except NothingLeft as why:
            output.unlink(missing_ok=True)
            ctx.log(f"{why}; no DL3 of this run", WARNING)
            code = EXIT_NOTHING_LEFT
    return code


def convert(ctx: Context, path: Path, output: Path, gammas: GammaRays, settings: Settings) -> None:
    """Make the DL3 file of one run."""
    from openmars.core.program import openmars_version
    from openmars.dl3 import hdus, irf
    from openmars.dl3.background import background, read_regions
    from openmars.dl3.events import NothingLeft, read_observation
    from openmars.dl3.livetime import live_time, pointing_track
    from openmars.dl3.weights import pointing_weights

    number = ctx.env.get_float
    run = read_observation(path)
    live = live_time(
        run.time, run.event_id, number(f"{KEY}.DeadTime", 26e-6), number(f"{KEY}.TimeGap", 5.0), run.excluded
    )
    if live.effective <= 0:
        raise NothingLeft(f"{path}: no effective time in {len(run.time)} events")
    weights = pointing_weights(
        pointing_track(live, run.time, run.zenith, run.azimuth),
        gammas.sim_zenith,
        gammas.sim_azimuth,
        number(f"{KEY}.ZenithWindow", 0.05),
        max(1, ctx.env.get_int(f"{KEY}.AzimuthBins", 8)),
        number(f"{KEY}.ZenithTolerance", 1.0),
        run.run,
    )
    made = irf.responses(gammas, weights, settings)
    keep = run.usable(settings.min_size) & made.hadronness.passed(run.hadronness, run.energy)
    exclude = read_regions(
        ctx.env.get_str(f"{KEY}.ExcludeRegions", "auto"), run.source, number(f"{KEY}.ExcludeRadius", 0.35)
    )
    if settings.full_enclosure:
        made.background = background(run, keep, live.effective, exclude, settings)
    hdus.write(
        output,
        [
            hdus.events(run, keep, live, openmars_version()),
            hdus.good_time(live),
            *hdus.response_tables(run.run, made, settings),
        ],
    )
    _report(ctx, run, live, keep, output)


def _report(ctx: Context, run: Observation, live: LiveTime, keep: np.ndarray, output: Path) -> None:
    ctx.log(
        f"run {run.run} {run.source_name}: {len(run.time)} events in {live.ontime:.1f} s, effective time "
        f"{live.effective:.1f} s, {int(keep.sum())} after cuts, zenith {run.zenith.min():.1f} to "
        f"{run.zenith.max():.1f} deg{', SIMULATED' if run.simulated else ''} -> {output.name}"
    )


def read_settings(ctx: Context, gammas: GammaRays) -> Settings:
    """Take cuts and bins from the card."""
    import numpy as np

    from openmars.dl3.irf import Settings

    number, whole = ctx.env.get_float, ctx.env.get_int
    low, high = number(f"{KEY}.EnergyMin", 0.01), number(f"{KEY}.EnergyMax", 100.0)
    if not 0 < low < high:
        raise ProgramError(f"{KEY}.EnergyMin {low} and EnergyMax {high}: expected 0 < min < max, in TeV")

    def energy_edges(key: str, per_decade: int) -> np.ndarray:
        return np.geomspace(low, high, max(1, round(np.log10(high / low) * whole(key, per_decade))) + 1)

    full = ctx.env.get_bool(f"{KEY}.FullEnclosure", False)
    return Settings(
        full_enclosure=full,
        min_size=number(f"{KEY}.MinSize", 50.0),
        hadronness_efficiency=_efficiency(ctx, "HadronnessEfficiency", 0.90),
        theta2_efficiency=_efficiency(ctx, "Theta2Efficiency", 0.75),
        hadronness_range=(number(f"{KEY}.HadronnessMin", 0.15), number(f"{KEY}.HadronnessMax", 0.95)),
        theta2_range=(number(f"{KEY}.Theta2Min", 0.01), number(f"{KEY}.Theta2Max", 0.2)),
        reco=energy_edges(f"{KEY}.RecoBinsPerDecade", 5),
        true=energy_edges(f"{KEY}.TrueBinsPerDecade", 7),
        migra=np.linspace(
            number(f"{KEY}.MigraMin", 0.1), number(f"{KEY}.MigraMax", 10.0), whole(f"{KEY}.MigraBins", 40) + 1
        ),
        offset=_offset_edges(ctx, gammas.sim_offset, full),
        rad=np.linspace(0.0, number(f"{KEY}.RadMax", 0.6), whole(f"{KEY}.RadBins", 30) + 1),
        index=number(f"{KEY}.SpectralIndex", 2.6),
    )


def _efficiency(ctx: Context, name: str, default: float) -> float:
    value = ctx.env.get_float(f"{KEY}.{name}", default)
    if not 0 < value <= 1:
        raise ProgramError(f"{KEY}.{name}: {value}; expected a fraction above 0, up to 1")
    return value


def _offset_edges(ctx: Context, offset: np.ndarray, full: bool) -> np.ndarray:
    """Bins of offset: from the card, else around a point-like source, or steps of 0.2 deg over the field."""
    import numpy as np

    text = ctx.env.get_str(f"{KEY}.OffsetEdges", "auto")
    if text != "auto":
        try:
            edges = np.array([float(word) for word in text.split()])
        except ValueError:
            edges = np.empty(0)
        if len(edges) < 2 or np.any(np.diff(edges) <= 0):
            raise ProgramError(f"{KEY}.OffsetEdges: {text!r}; expected auto, or rising numbers in deg")
        return edges
    centre, low, high = (float(np.round(np.quantile(offset, q), 3)) for q in (0.5, 0.0, 1.0))
    if high - low > 0.3 and not full:
        raise ProgramError(
            f"the Monte Carlo's sources are {low} to {high} deg from the centre: point-like responses take "
            f"one offset; give {KEY}.OffsetEdges, or {KEY}.FullEnclosure: yes"
        )
    if high - low > 0.3:
        return np.arange(int(np.ceil(high / 0.2)) + 1) * 0.2
    return np.array([min(centre - 0.01, low), max(centre + 0.01, high)])


PROGRAM = Program(
    name="magic_dl3",
    summary="turn melibea's files of a run and of the Monte Carlo into DL3 (FITS)",
    options=(
        Option("--ind", "data _Q_ files, one a run (pattern)", "FILES"),
        Option("--mc", "_Q_ files of the gamma Monte Carlo's test half (pattern)", "FILES"),
    ),
    main=main,
    default_card="magic_dl3.rc",
)
