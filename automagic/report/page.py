"""The page, from a template and what the catalog says."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from automagic.bookkeeping import Folder
from automagic.report import figures, pulsar
from automagic.report.content import collect
from automagic.report.selection_page import which_runs
from automagic.report.sources_page import sources_table

TEMPLATE = Path(__file__).with_name("report.html.j2")

PLOTS = (
    ("spectrum", "Spectral energy distribution, excess counts and residuals. The band is the fit's 68 % interval."),
    ("theta2", "Events against squared distance from the source, and from the background regions."),
    ("lightcurve", "Integral flux run by run, and night by night (band: 68 %)."),
    ("levels", "Flux points of each level of night-sky background, and their ratio to the fit of all together."),
    ("skymap", "Significance over the field of view, and how significances away from all sources are distributed."),
)

USUAL = ("spectrum", "theta2", "lightcurve")
"""What every analysis of one source has: where such a plot is not there, the page says so."""

PERIOD_PLOT = (
    "lightcurve-period",
    "Integral flux by period of the telescopes, and the constant that fits best (band: 68 %).",
)
SOURCES_PLOT = ("sources", "Significance of each source, filled from the detection on; its flux, or the upper limit.")

# key, label; what a table of a paper has, in its order
NUMBERS = (
    ("theta2.significance", "Significance, Li & Ma"),
    ("theta2.excess", "Excess events"),
    ("theta2.background", "Background events"),
    ("theta2.effective_time", "Effective time"),
    ("theta2.excess_rate", "Excess rate"),
    ("theta2.background_rate", "Background rate"),
    ("skymap.significance", "Significance at the source, map"),
    ("skymap.brightest_significance", "Largest significance of the map"),
    ("skymap.off_mean", "Significances away from sources, mean"),
    ("skymap.off_width", "the same, width"),
    ("skymap.ra", "Right ascension, fitted"),
    ("skymap.dec", "Declination, fitted"),
    ("skymap.distance", "Distance from the position asked for"),
    ("skymap.extension", "Extension, sigma of a Gaussian"),
    ("skymap.extension_limit", "Extension, upper limit (95 %)"),
    ("skymap.extension_significance", "Extended rather than a point"),
    ("skymap.flux", "Flux of the whole source, fit of the maps"),
    ("spectrum.amplitude", "φ, flux at the reference energy"),
    ("spectrum.reference", "Reference energy"),
    ("spectrum.index", "Γ, photon index"),
    ("spectrum.alpha", "α"),
    ("spectrum.beta", "β, natural logarithm"),
    ("spectrum.beta_log10", "β, decimal logarithm"),
    ("spectrum.curvature", "Curved rather than a power law"),
    ("spectrum.flux_above_300GeV", "Flux above 300 GeV"),
    ("spectrum.flux_above_300GeV_crab", "the same, in that of the Crab Nebula"),
    ("spectrum.wstat", "W-stat of the fit"),
    ("spectrum.degrees_of_freedom", "Degrees of freedom"),
    ("spectrum.p_value", "Probability of the fit"),
    ("spectrum.energy_min", "Fitted from"),
    ("spectrum.energy_max", "to"),
    ("lightcurve.run.mean", "Mean flux, runs"),
    ("lightcurve.run.p_value", "Probability of a constant flux, runs"),
    ("lightcurve.night.p_value", "Probability of a constant flux, nights"),
    ("lightcurve.period.mean", "Mean flux, periods"),
    ("lightcurve.period.p_value", "Probability of a constant flux, periods"),
)
HEADLINE = (
    ("theta2.significance", "significance"),
    ("skymap.extension", "extension"),
    ("spectrum.amplitude", "flux at {reference:g} TeV"),
    ("spectrum.alpha", "α"),
    ("spectrum.index", "photon index"),
    ("spectrum.beta", "β (natural log)"),
    ("spectrum.flux_above_300GeV_crab", "flux above 300 GeV"),
)


def write(folder: Path) -> Path:
    """Write ``results/report.html``.

    Parameters
    ----------
    folder
        The analysis folder, with its catalog and results.

    Returns
    -------
    Path
        Of the page: one file with all plots in it, no scripts, nothing from elsewhere.

    Raises
    ------
    automagic.errors.UserError
        Where the analysis has not run yet.
    """
    place = Folder(Path(folder).resolve())
    text = render(place)
    path = place.root / "results" / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".report.{os.getpid()}.html")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    return path


def render(folder: Folder) -> str:
    """Return the page as HTML. All that comes from files and cards is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.tests["in_host"] = lambda text: text.startswith("host")
    environment.filters |= {"seconds": figures.seconds, "size": figures.size, "number": figures.number}
    content = collect(folder)
    steps = {stage["stage"] for stage in content["stages"]}
    several = "sources" in steps
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        **content,
        plots=[{"name": name, "caption": text, "data": _image(folder, name)} for name, text in _plots(folder, steps)],
        numbers=[] if several else _numbers(content["results"]),
        headline=[] if several else _headline(content["results"]),
        comparison=[] if several else _comparison(content["results"], content["truth"]),
        sources=sources_table(folder.root) if several else None,
        several=several,
        total=_total(content["stages"]),
        which=which_runs(folder.root, content["selection"], content["notes"], simulated=content["simulated"]),
    )


def _plots(folder: Folder, steps: set[str]) -> tuple[tuple[str, str], ...]:
    """Return name and caption of the plots: of a catalogue one of all sources; else the usual, and more where there."""
    if "sources" in steps:
        return (SOURCES_PLOT,)
    return (
        *(plot for plot in PLOTS if plot[0] in {*USUAL, *steps}),
        *(plot for plot in (PERIOD_PLOT, *pulsar.PLOTS) if _image(folder, plot[0])),
    )


def _image(folder: Folder, name: str) -> str | None:
    """Return a plot as a data URL, or `None` where it is not there."""
    try:
        data = (folder.root / "results" / f"{name}.png").read_bytes()
    except OSError:
        return None
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _number(found: dict[str, Any]) -> str:
    if found["text"] is not None:
        return str(found["text"])
    return figures.number(found["value"], found["error"], found["unit"])


def _numbers(results: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Return label and number of each result; those that no label is known for come last, under their keys."""
    known = [(label, _number(results[key])) for key, label in NUMBERS if key in results]
    listed = {key for key, _ in NUMBERS}
    known += [(label, _number(results[key])) for key, label in pulsar.labels(results)]
    rest = {"theta2", "spectrum", "lightcurve", "skymap", *pulsar.STEPS}
    other = [(key, _number(row)) for key, row in results.items() if key not in listed and key.split(".")[0] not in rest]
    return known + other


def _headline(results: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    reference = (results.get("spectrum.reference") or {}).get("value") or 1.0
    return [(label.format(reference=reference), _number(results[key])) for key, label in HEADLINE if key in results]


def _comparison(results: dict[str, dict[str, Any]], truth: dict[str, str]) -> list[dict[str, str]]:
    """Put the fitted parameters beside the simulated ones, where both are of the same kind of spectrum."""
    pairs = [
        ("φ", "spectrum.amplitude", "Amplitude"),
        ("α", "spectrum.alpha", "Alpha"),
        ("Γ", "spectrum.index", "Alpha"),
        ("β, decimal logarithm", "spectrum.beta_log10", "Beta"),
    ]
    kind = "log-parabola" if "spectrum.alpha" in results else "power-law"
    if truth.get("Spectrum") != kind:
        return []
    try:
        if float(truth["Reference"]) != results["spectrum.reference"]["value"]:
            return []
        rows = []
        for label, key, name in pairs:
            if key not in results or name not in truth:
                continue
            found = results[key]
            true = float(truth[name])
            pull = (found["value"] - true) / found["error"] if found["error"] else None
            rows.append(
                {
                    "label": label,
                    "true": figures.number(true, unit=found["unit"]),
                    "found": _number(found),
                    "pull": "–" if pull is None else f"{pull:+.1f} σ".replace("-", "−"),
                }
            )
    except (KeyError, ValueError, TypeError):
        return []
    return rows


def _total(stages: list[dict[str, Any]]) -> dict[str, Any]:
    def add(key: str) -> float:
        return sum(stage[key] or 0 for stage in stages)

    sums: dict[str, Any] = {
        key: add(key) for key in ("tasks", "done", "failed", "remaining", "wall_s", "cpu_s", "size")
    }
    sums["max_rss_mb"] = max((stage["max_rss_mb"] or 0 for stage in stages), default=0)
    return sums
