"""The table of a catalogue: one row a source, from what the other steps found of each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.science import numbers, sources_plot
from automagic.science.errors import DataError
from automagic.science.settings import Settings

TRIALS = "significances are of each source alone: that there are {n} sources is not corrected for"


@dataclass
class Row:
    """What is known of a source; what is not is `None`.

    Attributes
    ----------
    name, ra, dec, redshift
        As the analysis has them; degrees, ICRS.
    found
        Numbers of the steps by their keys, each with ``value`` and ``error``.
    runs
        How many runs there are in the results.
    remark
        What there is not, and why.
    """

    name: str
    ra: float
    dec: float
    redshift: float
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: int = 0
    remark: str = ""

    def value(self, key: str) -> Any:
        """Return a number, or `None`."""
        return self.found.get(key, {}).get("value")

    def error(self, key: str) -> Any:
        """Return the standard deviation of a number, or `None`."""
        return self.found.get(key, {}).get("error")

    @property
    def index(self) -> tuple[Any, Any]:
        """Fitted photon index and its standard deviation; of a log-parabola that at the reference energy."""
        key = "spectrum.index" if "spectrum.index" in self.found else "spectrum.alpha"
        return self.value(key), self.error(key)

    def detected(self, threshold: float) -> bool:
        """Whether the source is as significant as that."""
        seen = self.value("theta2.significance")
        return seen is not None and seen >= threshold


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``sources.ecsv``, ``sources.json`` and ``sources.png``."""
    threshold = settings.number("Sources.Detection", minimum=1, maximum=100)
    rows = listed(settings.text("Sources.List"), settings.name)
    without = dict(_pairs(settings.text("Sources.Without")))
    simulated: set[bool] = set()
    for row in rows:
        row.remark = without.get(row.name, "")
        if not row.remark:
            simulated |= _collect(row, ind / row.name)
    if not any(row.found for row in rows):
        raise DataError("there are results of none of the sources", hint="Their steps say why: results/NAME/*.json.")
    about = _about(rows, threshold)
    _table(rows, threshold, about).write(out / "sources.ecsv", overwrite=True)
    numbers.write(
        out / "sources.json",
        [result for row in rows for result in _results(row)],
        simulated=True in simulated,
        sources=[_plain(row, threshold) for row in rows],
        about=about,
    )
    sources_plot.draw(rows, threshold, about, out / "sources.png", simulated=True in simulated)
    seen = [row.name for row in rows if row.detected(threshold)]
    yield f"{len(rows)} sources, {len(seen)} detected ({', '.join(seen) or 'none'}); {about['trials']}"
    for row in rows:
        if row.remark:
            yield f"{row.name}: {row.remark}"


def listed(text: str, card: str) -> list[Row]:
    """Read the list of sources of the card.

    Examples
    --------
    >>> [(row.name, row.dec) for row in listed("1ES0229+200 38.2026 20.2879 0.1396; Mrk421 166.1 38.2 0.031", "card")]
    [('1ES0229+200', 20.2879), ('Mrk421', 38.2)]
    """
    rows = []
    for part in text.split(";"):
        words = part.split()
        try:
            name, (ra, dec, redshift) = words[0], map(float, words[1:])
        except (IndexError, ValueError):
            raise UserError(f"{card}: Sources.List: {part.strip()!r} is not NAME RA DEC REDSHIFT") from None
        rows.append(Row(name, ra, dec, redshift))
    return rows


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(";"):
        name, _, rest = part.strip().partition(" ")
        if rest:
            yield name, rest


def _collect(row: Row, folder: Path) -> set[bool]:
    """Take what the steps of a source found; return whether its data are simulated, as far as they tell."""
    simulated = set()
    problems = []
    for step in ("theta2", "spectrum", "flux"):
        try:
            content = json.loads((folder / f"{step}.json").read_text(encoding="utf-8"))
        except OSError:
            continue
        except ValueError:
            raise DataError(f"{row.name}/{step}.json: not a result of {step}") from None
        row.found |= {each["key"]: each for each in content.get("results", [])}
        row.runs = max(row.runs, len(content.get("runs", [])))
        if "problem" in content:
            problems.append(content["problem"].splitlines()[0])
        else:
            simulated.add(bool(content.get("simulated")))
    if "theta2.significance" not in row.found:
        row.remark = f"no data: {problems[0]}" if problems else "no data"
    elif problems:
        row.remark = f"too few events: {problems[0]}"
    return simulated


def _about(rows: list[Row], threshold: float) -> dict[str, Any]:
    """Return what is the same for all rows: energies, confidence, what was assumed."""
    found: dict[str, Any] = next((row.found for row in rows if "flux.value" in row.found), {})

    def value(key: str) -> Any:
        return found.get(f"flux.{key}", {}).get("value")

    return {
        "detection": threshold,
        "trials": TRIALS.format(n=len(rows)),
        "energy_min": value("energy_min"),
        "energy_max": value("energy_max"),
        "confidence": value("confidence"),
        "index": value("index"),
        "limits": (
            "Limits are those of the profile likelihood of the counts (W-stat; Rolke et al. 2005, bounded), without "
            "systematic errors; an index that was assumed is that before absorption"
        ),
    }


COLUMNS = (
    ("n_on", "theta2.n_on", ""),
    ("n_off", "theta2.n_off", ""),
    ("alpha", "theta2.alpha", ""),
    ("excess", "theta2.excess", ""),
    ("significance", "theta2.significance", ""),
    ("flux", "flux.value", "cm-2 s-1"),
    ("flux_ul", "flux.upper_limit", "cm-2 s-1"),
    ("flux_crab", "flux.value_crab", ""),
    ("flux_ul_crab", "flux.upper_limit_crab", ""),
)
"""Column, key and unit of the numbers; where one has an error, ``<column>_err`` follows."""

WITH_ERROR = ("excess", "flux", "flux_crab")


def _plain(row: Row, threshold: float) -> dict[str, Any]:
    """Return a row as plain values."""
    made: dict[str, Any] = {key: getattr(row, key) for key in ("name", "ra", "dec", "redshift")}
    made |= {"hours": row.value("theta2.effective_time"), "runs": row.runs}
    for column, key, _ in COLUMNS:
        made[column] = row.value(key)
        if column in WITH_ERROR:
            made[f"{column}_err"] = row.error(key)
    index, error = row.index
    return made | {
        "detected": row.detected(threshold),
        "index": index,
        "index_err": error,
        "shape": row.value("flux.shape"),
        "remark": row.remark,
    }


def _table(rows: list[Row], threshold: float, about: dict[str, Any]) -> Any:
    from astropy.table import QTable

    units = {"ra": "deg", "dec": "deg", "hours": "h"} | {column: unit for column, _, unit in COLUMNS if unit}
    units["flux_err"] = units["flux"]
    plain = [_plain(row, threshold) for row in rows]
    table = QTable()
    for column in plain[0]:
        values = [each[column] for each in plain]
        if column in ("name", "shape", "remark"):
            table[column] = [each or "" for each in values]
        elif column in ("detected", "runs"):
            table[column] = values
        else:
            table[column] = [math.nan if each is None else float(each) for each in values]
            if column in units:
                table[column].unit = units[column]
    table.meta.update({key: value for key, value in about.items() if value is not None})
    return table


def _results(row: Row) -> Iterator[dict[str, Any]]:
    """Return the numbers of a row for the catalog of the analysis."""
    for column, key, unit in COLUMNS:
        if key in row.found:
            yield numbers.result(f"sources.{row.name}.{column}", row.value(key), row.error(key), unit)
    if row.remark:
        yield numbers.result(f"sources.{row.name}.remark", row.remark)
