"""The steps after DL3, done with Gammapy: index files, θ², spectrum, light curve."""

from __future__ import annotations

from dataclasses import replace

from automagic.analysis import Analysis
from automagic.graph.task import Input, Output, Resources, Task
from automagic.index.periods import intervals
from automagic.programs.base import SCIENCE_EXIT_CODES, Setup, Wrapper

RESULTS = {
    "index": ("hdu-index.fits.gz", "obs-index.fits.gz"),
    "theta2": ("theta2.ecsv", "theta2.json", "theta2.png"),
    "spectrum": ("model.yaml", "spectrum.ecsv", "spectrum.json", "spectrum.png"),
    "lightcurve": (
        "lightcurve.ecsv",
        "lightcurve-run.ecsv",
        "lightcurve-night.ecsv",
        "lightcurve.json",
        "lightcurve.png",
    ),
    "flux": ("flux.json",),
    "sources": ("sources.ecsv", "sources.json", "sources.png"),
    "levels": ("levels.ecsv", "levels-points.ecsv", "levels.json", "levels.png"),
    "skymap": ("skymap.fits", "skymap.json", "skymap.yaml", "skymap.png"),
}
"""What each step makes."""

REFINED = ("phase", "haze")
"""Stages that make DL3 files anew, each in a folder of its name; the last one first."""

SUMMARY = {
    "index": "list the DL3 files and their HDUs",
    "theta2": "the θ² plot, with significance",
    "spectrum": "fit the spectrum by forward folding, and flux points",
    "lightcurve": "flux per run and per night",
    "flux": "integral flux of a source of a catalogue, or its upper limit",
    "sources": "the table of a catalogue, one row a source",
    "levels": "each level of moonlight by itself",
    "skymap": "maps of the field of view, with position and extension of the source",
}

PERIODS = ("lightcurve-period.ecsv", "lightcurve-period.png")
"""What the light curve makes besides, where it is asked for periods."""

WRAPPERS = {
    step: Wrapper(
        program=step,
        stage=step,
        summary=SUMMARY[step],
        default_cards={"": f"{step}.rc"},
        exit_codes=SCIENCE_EXIT_CODES,
        resources=Resources(memory_mb=1500, disk_mb=200, minutes=60),
        engine="science",
    )
    for step in RESULTS
}


def values(step: str, analysis: Analysis) -> dict[str, object]:
    """Return what ``analysis.toml`` says to a step, as keys of its card; the rest stays default."""
    source, spectrum, curve, theta2 = analysis.source, analysis.spectrum, analysis.lightcurve, analysis.theta2
    if step == "index":
        return {}
    common: dict[str, object | None] = {
        "Source.Name": source.name,
        "Source.RA": source.ra,
        "Source.Dec": source.dec,
    }
    model: dict[str, object | None] = {
        "Source.Redshift": source.redshift,
        "Spectrum.Model": spectrum.model,
        "Spectrum.Reference": spectrum.reference,
        "Spectrum.EBL": spectrum.ebl or ("dominguez" if source.redshift > 0 else "none"),
        "Spectrum.OffRegions": spectrum.off_regions,
    }
    ranges: dict[str, dict[str, object | None]] = {
        "theta2": {"Theta2.EnergyMin": theta2.energy_min, "Theta2.Cut": theta2.cut},
        "spectrum": {
            **model,
            "Spectrum.EnergyMin": spectrum.energy_min,
            "Spectrum.EnergyMax": spectrum.energy_max,
            "FluxPoints.PerDecade": spectrum.points_per_decade,
        },
        "lightcurve": {
            **model,
            "LightCurve.EnergyMin": curve.energy_min,
            "LightCurve.EnergyMax": curve.energy_max,
            "LightCurve.Periods": tabled() if curve.periods else None,
        },
        "flux": {
            **model,
            "Flux.EnergyMin": analysis.flux.energy_min or curve.energy_min,
            "Flux.EnergyMax": analysis.flux.energy_max or curve.energy_max,
            "Flux.Index": analysis.flux.index,
        },
        "skymap": {"Source.Exclude": source.excluded(), **{key: model[key] for key in MAP_MODEL}},
    }
    if source.radius is not None:
        ranges["theta2"] |= theta2_of(source.radius) if theta2.cut is None else {}
        for each in ("spectrum", "lightcurve"):
            ranges[each] |= {"Spectrum.OnRadius": source.radius, "Source.Extension": source.extension}
    ranges["levels"] = ranges["spectrum"]
    return {key: value for key, value in {**common, **ranges[step]}.items() if value is not None}


def results(step: str, analysis: Analysis) -> tuple[str, ...]:
    """Return what a step makes for an analysis."""
    more = PERIODS if step == "lightcurve" and analysis.lightcurve.periods else ()
    return (*RESULTS[step], *more)


MAP_MODEL = ("Source.Redshift", "Spectrum.Model", "Spectrum.Reference", "Spectrum.EBL")


def theta2_of(radius: float) -> dict[str, object | None]:
    """Return the θ² plot's cut and bins for a region of a radius in deg: four bins in it, the rest beside it.

    At a wobble of 0.4 deg three background regions overlap beyond 0.08 deg2, and one overlaps the source's beyond 0.16.
    """
    cut = round(radius**2, 6)
    made: dict[str, object | None] = {"Theta2.Cut": cut, "Theta2.BinWidth": cut / 4}
    made["Theta2.Max"] = 1.5 * cut if radius > 0.23 else 3 * cut
    return made | {"Theta2.OffRegions": 1} if radius > 0.15 else made


def task(setup: Setup, step: str, analysis: Analysis, inputs: list[Input]) -> Task:
    """Make a step's task.

    Parameters
    ----------
    setup
        Overrides; the engine is ``"science"``.
    step
        A key of `RESULTS`.
    analysis
        Source, models and ranges.
    inputs
        All DL3 files and, but for ``"index"``, their index files; role ``"dl3"``.
    """
    # the index lies beside the files that it lists
    stages = {each.task.partition(":")[0] for each in inputs if each.task and each.role == "dl3"}
    folder = f"products/{next((each for each in REFINED if each in stages), 'dl3')}" if step == "index" else "results"
    level, what = ("index", "dl3") if step == "index" else ("result", "all")
    return setup.task(
        WRAPPERS[step],
        what,
        arguments=("--config=card.rc", "--ind=in/dl3", "--out=out"),
        card=setup.card(WRAPPERS[step], values(step, analysis)),
        inputs=inputs,
        outputs=[
            Output(name, level, f"{folder}/{name}", {"fits": True} if name.endswith(".fits.gz") else {"min_bytes": 1})
            for name in results(step, analysis)
        ],
        conditions={"source": None if analysis.sources else analysis.source.name},
    )


def source_task(setup: Setup, step: str, analysis: Analysis, inputs: list[Input]) -> Task:
    """Make a step's task of one source of a catalogue.

    What its data do not allow (exit code 3) fails nothing: ``<step>.json`` says why then, and there is nothing else.

    Parameters
    ----------
    setup, step, inputs
        As in `task`.
    analysis
        Of that source alone, see `Analysis.of`.
    """
    name = analysis.source.name
    told = f"{step}.json"
    return setup.task(
        replace(WRAPPERS[step], tolerated=frozenset({3})),
        name,
        arguments=("--config=card.rc", "--ind=in/dl3", "--out=out", "--excuse"),
        card=setup.card(WRAPPERS[step], values(step, analysis)),
        inputs=inputs,
        outputs=[
            Output(
                each,
                "result",
                f"results/{name}/{each}",
                {"min_bytes": 1},
                optional=each != told,
                missing_with=() if each == told else (3,),
            )
            for each in results(step, analysis)
        ],
        conditions={"source": name},
    )


def sources_task(setup: Setup, analysis: Analysis, inputs: list[Input], without: dict[str, str]) -> Task:
    """Make the task that puts all sources of a catalogue into one table.

    Parameters
    ----------
    setup
        Overrides.
    analysis
        With all sources.
    inputs
        The JSON files of their steps; the role is the source's name.
    without
        Why a source has no tasks, by name.
    """
    rows = [f"{each.name} {each.ra!r} {each.dec!r} {each.redshift!r}" for each in analysis.sources]
    card = {
        "Sources.List": "; ".join(rows),
        "Sources.Without": "; ".join(f"{name} {why}" for name, why in without.items()),
    }
    return setup.task(
        WRAPPERS["sources"],
        "all",
        arguments=("--config=card.rc", "--ind=in", "--out=out"),
        card=setup.card(WRAPPERS["sources"], {key: text for key, text in card.items() if text}),
        inputs=inputs,
        outputs=[Output(name, "result", f"results/{name}", {"min_bytes": 1}) for name in RESULTS["sources"]],
        conditions={"sources": len(analysis.sources)},
    )


def tabled() -> str:
    """Return MAGIC's periods as the card of the light curve has them."""
    return "; ".join(f"{name} {start} {end}" for name, start, end in intervals())
