"""``openmars-sim``: what the telescopes write, simulated. It has no counterpart in MARS."""

from __future__ import annotations

from automagic.analysis import Analysis
from automagic.analysis.site import Simulate, SimulatedMc, SimulatedOff, SimulatedRun
from automagic.graph.task import Output, Resources, Task
from automagic.index import Run
from automagic.naming import McName, wobble
from automagic.programs.base import Setup, Wrapper

WRAPPER = Wrapper(
    program="openmars-sim",
    stage="sim",
    summary="simulate what the telescopes write: observation runs, off runs, gamma Monte Carlo",
    default_cards={"": "openmars-sim.rc"},
    # all that makes the files' names, which are known before the program runs
    set_here=frozenset(
        {
            "Sim.Kind",
            "Sim.Run",
            "Sim.Seed",
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


def seed(simulate: Simulate, run: int) -> int:
    """Return a run's seed: its own, and below 2³¹ as TEnv's integers are.

    Examples
    --------
    >>> from automagic.analysis.site import Simulate
    >>> seed(Simulate(seed=1), 5029747)
    105029747
    """
    return (simulate.seed * 10**8 + run) % (2**31 - 1)


def observation(
    setup: Setup, analysis: Analysis, simulate: Simulate, plan: SimulatedRun | SimulatedOff, run: Run
) -> Task:
    """Make the task that simulates a run of the source or an off run, both telescopes and all subruns."""
    off = isinstance(plan, SimulatedOff)
    offset, angle = wobble(plan.wobble)
    truth = simulate.spectrum
    card = setup.card(
        WRAPPER,
        {
            "Sim.Kind": "off" if off else "observation",
            "Sim.Seed": seed(simulate, plan.run),
            "Sim.Run": plan.run,
            "Sim.Source": run.source,
            "Sim.RA": plan.ra if isinstance(plan, SimulatedOff) else analysis.source.ra,
            "Sim.Dec": plan.dec if isinstance(plan, SimulatedOff) else analysis.source.dec,
            "Sim.WobbleOffset": offset,
            "Sim.WobbleAngle": angle,
            "Sim.Start": run.start or "",
            "Sim.Duration": plan.minutes * 60,
            "Sim.Subruns": plan.subruns,
            "Sim.NSB": simulate.nsb,
            "Sim.Transmission": simulate.transmission,
            "Sim.Trigger": simulate.trigger,
            "Sim.BackgroundFraction": simulate.off_fraction if off else simulate.background_fraction,
            "Sim.SourceFactor": 0.0 if isinstance(plan, SimulatedOff) else plan.flux,
            "Sim.Spectrum": truth.model,
            "Sim.Amplitude": truth.amplitude,
            "Sim.Reference": truth.reference,
            "Sim.Alpha": truth.alpha,
            "Sim.Beta": truth.beta,
            "Sim.Redshift": truth.redshift,
            "Sim.EBLModel": truth.ebl,
        },
    )
    outputs = [
        Output(
            str(file.name),
            "calibrated",
            f"products/calibrated/{file.name}",
            {"root": True, "tree": "Events", "min_events": 1},
        )
        for file in run.files
    ]
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


def gamma(setup: Setup, simulate: Simulate, plan: SimulatedMc, number: int, names: list[McName]) -> Task:
    """Make the task that simulates one file pair of gamma Monte Carlo."""
    low, high = plan.zenith
    card = setup.card(
        WRAPPER,
        {
            "Sim.Kind": "gamma",
            "Sim.Seed": seed(simulate, number),
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
            "Sim.NSB": simulate.nsb,
            "Sim.Transmission": simulate.transmission,
            "Sim.Trigger": simulate.trigger,
        },
    )
    name = names[0]
    return setup.task(
        WRAPPER,
        f"{name.set}_{name.group}_{number}",
        arguments=("--config=card.rc", "--out=out"),
        card=card,
        inputs=(),
        outputs=[
            Output(
                str(each),
                "calibrated",
                f"products/mc/{each}",
                {"root": True, "tree": "Events", "min_events": 1},
            )
            for each in names
        ],
        conditions={"mc_set": name.set, "simulated": True, "zenith_min": low, "zenith_max": high},
    )
