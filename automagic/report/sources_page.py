"""What the page says of a catalogue: one line a source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from automagic.report.figures import number

FLUX = "1 / (cm2 s)"


def sources_table(folder: Path) -> dict[str, Any] | None:
    """Return the table of a catalogue for the page; `None` where there is none.

    Parameters
    ----------
    folder
        The analysis folder, with ``results/sources.json``.
    """
    try:
        content = json.loads((folder / "results" / "sources.json").read_text(encoding="utf-8"))
        rows, about = content["sources"], content["about"]
        said = [_line(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    energies = ""
    if about.get("energy_min") is not None:
        energies = f"{number(about['energy_min'])} to {number(about['energy_max'])} TeV"
    return {"rows": said, "energies": energies, "about": about}


def _line(row: dict[str, Any]) -> dict[str, Any]:
    limit = None if row["flux_ul"] is None else f"< {number(row['flux_ul'], unit=FLUX)}"
    flux = number(row["flux"], row["flux_err"], FLUX) if row["detected"] else limit or "–"
    crab = row["flux_crab"] if row["detected"] else row["flux_ul_crab"]
    percent = "–" if crab is None else f"{'' if row['detected'] else '< '}{100 * crab:.2g} %"
    return {
        "name": row["name"],
        "place": f"{row['ra']:.4f} {row['dec']:+.4f}".replace("-", "−"),
        "redshift": f"{row['redshift']:g}" if row["redshift"] else "–",
        "hours": "–" if row["hours"] is None else f"{row['hours']:.2f}",
        "runs": row["runs"] or "–",
        "counts": "–" if row["n_on"] is None else f"{row['n_on']} / {row['n_off']}",
        "excess": "–" if row["excess"] is None else number(row["excess"], row["excess_err"]),
        "significance": "–" if row["significance"] is None else f"{row['significance']:.1f} σ".replace("-", "−"),
        "detected": row["detected"],
        "flux": flux,
        "crab": percent,
        "index": number(row["index"], row["index_err"]) if row["index"] is not None else "–",
        "remark": row["remark"],
    }
