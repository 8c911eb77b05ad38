"""``openmars-sim``: what the telescopes write, simulated. It has no counterpart in MARS."""

from __future__ import annotations

from datetime import UTC
from zlib import crc32

from automagic.analysis import Analysis
from automagic.analysis.site import Conditions, Simulate, SimulatedCalibration, SimulatedMc, SimulatedOff, SimulatedRun
from automagic.graph.task import Output, Resources, Task
from automagic.index import DataFile, Run
from automagic.index.planned import placed, sim_name
from automagic.naming import DataName, McName, wobble
from automagic.programs.base import Setup, Wrapper
from automagic.programs.sorcerer import raw_checks

WRAPPER = Wrapper(
    program="openmars-sim",
    stage="sim",
    summary="simulate what the telescopes write: runs with their calibration runs, off runs, gamma Monte Carlo",
    default_cards={"": "openmars-sim.rc"},
    # all that makes the files' names, which are known before the program runs
    set_here=frozenset(
        {
            "Sim.Kind",
            "Sim.Output",
            "Sim.Run",
            "Sim.Seed",
            "Sim.CameraSeed",
            "Sim.Source",
            "Sim.WobbleOffset",
            "Sim.WobbleAngle",
            "Sim.Start",
            "Sim.Subruns",
            "Sim.Geometry",
            "Sim.ZenithMin",
            "Sim.ZenithMax",
        }
    ),
    resources=Resources(memory_mb=900, disk_mb=1000, minutes=60),
    engine="openmars",
)


def seed(simulate: Simulate, run: int, period: str = "") -> int:
    """Return a run's seed: its own, and below 2³¹ as TEnv's integers are. Monte Carlo of each period has others.

    Examples
    --------
    >>> from automagic.analysis.site import Simulate
    >>> seed(Simulate(seed=1), 5029747)
    105029747
    """
    return (simulate.seed * 10**8 + run + crc32(period.encode())) % (2**31 - 1)


def observation(
    setup: Setup, analysis: Analysis, simulate: Simulate, plan: SimulatedRun | SimulatedOff, run: Run
) -> Task:
    """Make the task that simulates a run of the source or an off run, both telescopes and all subruns."""
    off = isinstance(plan, SimulatedOff)
    offset, angle = wobble(plan.wobble)
    own, (_, ra, dec) = simulate.source_of(plan), placed(plan, analysis)
    truth, sky = (own and own.spectrum) or simulate.spectrum, simulate.conditions(plan)
    card = setup.card(
        WRAPPER,
        {
            "Sim.Kind": "off" if off else "observation",
            "Sim.Output": "raw" if run.level == "raw" else "calibrated",
            "Sim.Seed": seed(simulate, plan.run),
            "Sim.Run": plan.run,
            "Sim.Source": run.source,
            "Sim.RA": ra,
            "Sim.Dec": dec,
            "Sim.WobbleOffset": offset,
            "Sim.WobbleAngle": angle,
            "Sim.Start": run.start or "",
            "Sim.Duration": plan.minutes * 60,
            "Sim.Subruns": plan.subruns,
            **conditions_of(sky),
            "Sim.NSBEnd": getattr(plan, "nsb_end", None) or 0,
            "Sim.CameraSeed": simulate.seed,
            "Sim.BackgroundFraction": simulate.off_fraction if off else simulate.background_fraction,
            "Sim.SourceFactor": 0.0 if isinstance(plan, SimulatedOff) else plan.flux * (own.flux if own else 1.0),
            "Sim.Spectrum": truth.model,
            "Sim.Amplitude": truth.amplitude,
            "Sim.Reference": truth.reference,
            "Sim.Alpha": truth.alpha,
            "Sim.Beta": truth.beta,
            "Sim.Redshift": truth.redshift,
            "Sim.EBLModel": truth.ebl,
            "Sim.EnergyMin": simulate.energy_min,
            **({} if off or simulate.pulsar is None else simulate.pulsar.card()),
            **({} if isinstance(plan, SimulatedOff) else haze_of(plan)),
            **place(analysis, simulate, plan),
        },
    )
    outputs = [data_output(file) for file in (*run.files, *run.reports)]
    return setup.task(
        WRAPPER,
        f"{plan.run:08d}",
        arguments=("--config=card.rc", "--out=out"),
        card=card,
        inputs=(),
        outputs=outputs,
        conditions={
            "run": plan.run,
            "night": run.night,
            "source": run.source,
            "simulated": True,
            "kind": run.kind,
        },
    )


def place(analysis: Analysis, simulate: Simulate, plan: SimulatedRun | SimulatedOff) -> dict[str, object]:
    """Return the keys that say where the gammas come from, where that is not simply the source of the run."""
    if isinstance(plan, SimulatedOff):
        return {}
    given: dict[str, object] = {}
    if simulate.target is not None:
        given |= {"Sim.GammaRA": analysis.source.ra, "Sim.GammaDec": analysis.source.dec}
    if simulate.spectrum.extension:
        given["Sim.Extension"] = simulate.spectrum.extension
    return given


def data_output(file: DataFile) -> Output:
    """Return a file of a run as an output: calibrated, raw, or a report."""
    name = file.name
    assert isinstance(name, DataName)
    if name.level == "report":
        return Output(str(name), "report", f"products/raw/{name}", {"min_bytes": 1})
    if name.level == "calibrated":
        checks: dict[str, object] = {"root": True, "tree": "Events", "min_events": 1}
        return Output(str(name), name.level, f"products/calibrated/{name}", checks)
    return Output(str(name), name.level, f"products/raw/{name}", raw_checks(name))


def conditions_of(sky: Conditions) -> dict[str, object]:
    """Return the keys of the card that say under which conditions a run is taken."""
    return {
        "Sim.NSB": sky.nsb,
        "Sim.Transmission": sky.transmission,
        "Sim.Cloudiness": sky.cloudiness,
        "Sim.HV": sky.hv,
        "Sim.Trigger": sky.trigger,
        "Sim.LightYield": sky.light_yield,
    }


def haze_of(plan: SimulatedRun) -> dict[str, object]:
    """Return the keys of the card that say which haze a run is taken in; none where the air is clear."""
    if plan.haze == 1 and plan.haze_end in (None, 1):
        return {}
    return {
        "Sim.Haze": plan.haze,
        "Sim.HazeEnd": plan.haze_end or 0,
        "Sim.HazeBase": plan.haze_base,
        "Sim.HazeScale": plan.haze_scale,
    }


def calibration(
    setup: Setup,
    analysis: Analysis,
    simulate: Simulate,
    plan: SimulatedCalibration,
    kind: str,
    files: tuple[DataFile, ...],
) -> Task:
    """Make the task that simulates a pedestal or a calibration run, both telescopes.

    Like at the telescopes it is taken where the first run of the source points, with the site's conditions.

    Parameters
    ----------
    setup, analysis, simulate
        Engine, source and site.
    plan
        The pair that the run is of.
    kind
        ``"pedestal"`` or ``"calibration"``.
    files
        Its files.
    """
    name = files[0].name
    assert isinstance(name, DataName)
    offset, angle = wobble(name.wobble or "W0.40+000")
    _, ra, dec = placed(simulate.runs[0], analysis)
    card = setup.card(
        WRAPPER,
        {
            "Sim.Kind": kind,
            "Sim.Output": "raw",
            "Sim.Seed": seed(simulate, name.run),
            "Sim.CameraSeed": simulate.seed,
            "Sim.Run": name.run,
            "Sim.Source": name.source,
            "Sim.RA": ra,
            "Sim.Dec": dec,
            "Sim.WobbleOffset": offset,
            "Sim.WobbleAngle": angle,
            "Sim.Start": plan.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **conditions_of(simulate.usual()),
        },
    )
    return setup.task(
        WRAPPER,
        f"{name.run:08d}",
        arguments=("--config=card.rc", "--out=out"),
        card=card,
        inputs=(),
        outputs=[data_output(file) for file in files],
        conditions={
            "run": name.run,
            "night": name.date,
            "source": name.source,
            "simulated": True,
            "kind": kind,
        },
    )


def gamma(setup: Setup, simulate: Simulate, plan: SimulatedMc, number: int, names: list[McName]) -> Task:
    """Make the task that simulates one file pair of gamma Monte Carlo."""
    low, high = plan.zenith
    card = setup.card(
        WRAPPER,
        {
            "Sim.Kind": "gamma",
            "Sim.Seed": seed(simulate, number, plan.period or ""),
            "Sim.Run": number,
            "Sim.Geometry": plan.geometry,
            "Sim.ZenithMin": low,
            "Sim.ZenithMax": high,
            "Sim.AzimuthMin": plan.azimuth[0],
            "Sim.AzimuthMax": plan.azimuth[1],
            "Sim.Showers": plan.showers,
            "Sim.EnergyMin": plan.energy_min,
            "Sim.EnergyMax": plan.energy_max,
            "Sim.Slope": plan.slope,
            "Sim.ImpactMax": plan.impact_max,
            **({"Sim.ViewCone": plan.view_cone} if plan.geometry == "wd" else {}),
            **conditions_of(simulate.of_mc(plan)),
        },
    )
    name = names[0]
    return setup.task(
        WRAPPER,
        sim_name(name, plan.period).removeprefix("sim:"),
        arguments=("--config=card.rc", "--out=out"),
        card=card,
        inputs=(),
        outputs=[
            Output(
                str(each),
                "calibrated",
                f"products/mc/{'' if plan.period is None else f'{plan.period}/'}{each}",
                {"root": True, "tree": "Events", "min_events": 1},
            )
            for each in names
        ],
        conditions={
            "mc_set": name.set if plan.period is None else f"{name.set}_{plan.period}",
            "simulated": True,
            "zenith_min": low,
            "zenith_max": high,
            "period": plan.period,
        },
    )
