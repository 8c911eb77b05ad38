"""The steps of a pulsar: phases of events, phaseogram, spectra of ranges of phase."""

from __future__ import annotations

from automagic.analysis import Analysis
from automagic.analysis.pulsar import Par, Pulsar, Range
from automagic.graph.task import Input, Output, Resources, Task
from automagic.programs import refining
from automagic.programs.base import SCIENCE_EXIT_CODES, Setup, Wrapper

RESULTS = {
    "phaseogram": ("phaseogram.ecsv", "phaseogram.json", "phaseogram.png"),
    "pulsar_spectrum": (
        "pulsar-model.yaml",
        "pulsar-spectrum.ecsv",
        "pulsar-spectrum.json",
        "pulsar-spectrum.png",
    ),
}
"""What each step makes of all runs."""

_SUMMARY = {
    "phaseogram": "events against phase, with H-test and significance",
    "pulsar_spectrum": "fit the spectrum of each range of phase",
}

PHASE = refining.wrapper(
    "phase",
    "give each event of a run the pulsar's phase, with PINT",
    Resources(memory_mb=1500, disk_mb=200, minutes=60),
    set_here=("Phase.ParName", "Phase.ParSHA256"),
    unknown=(
        "whether TIME in MAGIC's DL3 files has run on over the leap seconds since MJDREF (Phase.LeapSeconds)",
        "what MAGIC adds to event times for the delay of the readout",
    ),
)

WRAPPERS = {"phase": PHASE} | {
    step: Wrapper(
        program=step,
        stage=step,
        summary=_SUMMARY[step],
        default_cards={"": f"{step}.rc"},
        exit_codes=SCIENCE_EXIT_CODES,
        resources=Resources(memory_mb=1500, disk_mb=200, minutes=60),
        engine="science",
    )
    for step in RESULTS
}


def phase_task(setup: Setup, what: str, par: Par, dl3: Input, conditions: dict[str, object]) -> Task:
    """Make the task that gives a run's events their phase.

    The lines of the par file stand in the card: so they are part of the task's identity, of its receipt and of an
    archive, and a plan tells which of them has changed.
    """
    values = {f"Par.{number:04d}": line for number, line in enumerate(par.lines, 1)}
    return setup.task(
        PHASE,
        what,
        arguments=("--config=card.rc", "--ind=in/dl3", "--out=out"),
        card=setup.card(PHASE, {"Phase.ParName": par.name, "Phase.ParSHA256": par.sha256, **values}),
        inputs=[dl3],
        outputs=[refining.output(dl3.name, "phase")],
        conditions=conditions,
    )


def values(step: str, analysis: Analysis) -> dict[str, object]:
    """Return what ``analysis.toml`` says to a step, as keys of its card; the rest stays default."""
    source, pulsar = analysis.source, analysis.pulsar
    assert pulsar is not None
    common: dict[str, object | None] = {
        "Source.Name": source.name,
        "Source.RA": source.ra,
        "Source.Dec": source.dec,
        "Pulsar.On": on_text(pulsar),
        "Pulsar.Off": _text(pulsar.off),
    }
    ranges: dict[str, dict[str, object | None]] = {
        "phaseogram": {
            "Phaseogram.Energies": None if pulsar.energies is None else _text(pulsar.energies),
            "Phaseogram.Bins": pulsar.bins,
        },
        "pulsar_spectrum": {
            "Spectrum.Reference": pulsar.reference,
            "Spectrum.EnergyMin": pulsar.energy_min,
            "Spectrum.EnergyMax": pulsar.energy_max,
        },
    }
    return {key: value for key, value in {**common, **ranges[step]}.items() if value is not None}


def on_text(pulsar: Pulsar) -> str:
    """Return the ranges with a signal as a card has them.

    Examples
    --------
    >>> on_text(Pulsar(par="a.par", on={"P1": [0.98, 0.03], "P12": [[0.98, 0.03], [0.3, 0.4]]}, off=[0.5, 0.9]))
    'P1 0.98:0.03; P12 0.98:0.03 0.3:0.4'
    """
    return "; ".join(f"{name} {_text(ranges)}" for name, ranges in pulsar.on.items())


def _text(ranges: tuple[Range, ...]) -> str:
    return " ".join(f"{low!r}:{high!r}" for low, high in ranges)


def task(setup: Setup, step: str, analysis: Analysis, inputs: list[Input]) -> Task:
    """Make the task of a step over all runs; `inputs` are the DL3 files with phases, role ``"dl3"``."""
    return setup.task(
        WRAPPERS[step],
        "all",
        arguments=("--config=card.rc", "--ind=in/dl3", "--out=out"),
        card=setup.card(WRAPPERS[step], values(step, analysis)),
        inputs=inputs,
        outputs=[Output(name, "result", f"results/{name}", {"min_bytes": 1}) for name in RESULTS[step]],
        conditions={"source": analysis.source.name},
    )
