"""The report of a catalogue: a line a source, what is detected, limits for the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from automagic.bookkeeping.catalog import SCHEMA, SCHEMA_VERSION
from automagic.report import write
from automagic.report.sources_page import sources_table

ROW = {
    "name": "1ES0229+200", "ra": 38.2026, "dec": 20.2879, "redshift": 0.14, "hours": 0.5, "runs": 2, "n_on": 40,
    "n_off": 30, "alpha": 1 / 3, "excess": 30.0, "excess_err": 6.6, "significance": 6.1, "detected": True,
    "flux": 1.2e-11, "flux_err": 3e-12, "flux_ul": 1.9e-11, "flux_crab": 0.1, "flux_ul_crab": 0.15, "index": 2.1,
    "index_err": 0.2, "shape": "fitted", "remark": "",
}  # fmt: skip
LIMIT = ROW | {
    "name": "B<b>", "dec": -5.0, "detected": False, "significance": -0.4, "index": None, "remark": "too few events: 0.4"
}  # fmt: skip
NOTHING = {key: None for key in ROW} | {
    "name": "Unseen", "ra": 1.0, "dec": 2.0, "redshift": 0.0, "runs": 0, "detected": False, "remark": "no data"
}  # fmt: skip
ABOUT = {
    "detection": 5.0, "trials": "not corrected for 3 sources", "energy_min": 0.316, "energy_max": 20.0,
    "confidence": 0.95, "index": 2.0, "limits": "W-stat",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    content = {"results": [], "sources": [ROW, LIMIT, NOTHING], "about": ABOUT}
    (tmp_path / "results/sources.json").write_text(json.dumps(content))
    return tmp_path


def test_a_detected_source_has_a_flux_and_another_a_limit(folder: Path) -> None:
    table = sources_table(folder)
    assert table is not None
    seen, limit, nothing = table["rows"]
    assert (seen["flux"], seen["index"]) == ("(1.20 ± 0.30) × 10⁻¹¹ cm⁻² s⁻¹", "2.10 ± 0.20")
    assert limit["flux"].startswith("< 1.90 × 10⁻¹¹")
    assert (limit["significance"], limit["crab"], limit["index"]) == ("−0.4 σ", "< 15 %", "–")
    assert (nothing["flux"], nothing["hours"], nothing["counts"], nothing["remark"]) == ("–", "–", "–", "no data")


def test_the_page_has_a_line_a_source_and_no_headline_of_one(folder: Path) -> None:
    with duckdb.connect(str(folder / "catalog.duckdb")) as connection:
        connection.execute(SCHEMA.read_text())
        connection.execute("INSERT INTO meta VALUES ('schema', ?)", [SCHEMA_VERSION])
        for position, name in enumerate(("theta2:1ES0229+200", "sources:all")):
            connection.execute(
                "INSERT INTO tasks (task, position, stage, engine, state) VALUES (?, ?, ?, 'science', 'done')",
                [name, position, name.partition(":")[0]],
            )
        connection.execute(
            "INSERT INTO results (task, key, value) VALUES ('theta2:1ES0229+200', 'theta2.significance', 6.1)"
        )
    page = write(folder).read_text(encoding="utf-8")
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "B&lt;b&gt;" in page
    for words in ("1ES0229+200", "too few events: 0.4", "not corrected for 3 sources", "95 % confidence"):
        assert words in said
    assert 'class="headline"' not in page


def test_there_may_be_no_table_yet(tmp_path: Path) -> None:
    assert sources_table(tmp_path) is None
