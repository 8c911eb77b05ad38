"""The report says what the catalog says, in one file that needs nothing else."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from automagic.bookkeeping.catalog import SCHEMA, SCHEMA_VERSION
from automagic.errors import UserError
from automagic.report import write

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


class Catalog:
    """An analysis folder with a catalog to fill."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "results").mkdir(parents=True)
        self.connection = duckdb.connect(str(root / "catalog.duckdb"))
        self.connection.execute(SCHEMA.read_text())
        self.add("meta", key="schema", value=SCHEMA_VERSION)

    def add(self, table: str, **row: Any) -> None:
        marks = ",".join("?" * len(row))
        self.connection.execute(f"INSERT INTO {table} ({','.join(row)}) VALUES ({marks})", list(row.values()))

    def task(self, position: int, name: str, state: str = "done", card: str = "A: 1\n", **more: Any) -> None:
        digest = hashlib.sha256(card.encode()).hexdigest()
        stage = name.split(":")[0]
        self.connection.execute("DELETE FROM cards WHERE card = ?", [digest])
        self.add("cards", card=digest, program=stage, text=card)
        row = {"task": name, "position": position, "stage": stage, "engine": "openmars", "card": digest, "state": state}
        self.add("tasks", **row, action=name, arguments="", **more)

    def page(self) -> str:
        self.connection.close()
        return write(self.root).read_text(encoding="utf-8")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "crab")


def text(page: str) -> str:
    """What a person reads."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_everything_is_in_one_file(catalog: Catalog) -> None:
    for name in ("theta2", "spectrum", "lightcurve"):
        (catalog.root / "results" / f"{name}.png").write_bytes(PNG)
    catalog.task(0, "spectrum:all")
    page = catalog.page()

    class Links(HTMLParser):
        found: list[str]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("script", "link", "iframe", "object")
            self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "style")]

    links = Links()
    links.found = []
    links.feed(page)
    assert len([link for link in links.found if link.startswith("data:image/png;base64,")]) == 3
    assert [link for link in links.found if not link.startswith(("data:", "#"))] == []
    assert "url(" not in page
    assert "@import" not in page


def test_numbers_and_truth_of_a_simulated_analysis(catalog: Catalog) -> None:
    truth = "Sim.Alpha: 2.47\nSim.Amplitude: 3.23e-11\nSim.Beta: 0.24\nSim.Kind: observation\nSim.Reference: 1.0\n"
    catalog.task(0, "sim:05029747", card=truth + "Sim.Run: 5029747\nSim.Spectrum: log-parabola\n")
    catalog.task(1, "sim:05029748", card=truth + "Sim.Run: 5029748\nSim.Spectrum: log-parabola\n")
    found = (
        ("amplitude", 3.54e-11, 3.1e-12, "1 / (TeV s cm2)"),
        ("alpha", 2.5, 0.1, ""),
        ("reference", 1.0, None, "TeV"),
    )
    for key, value, error, unit in found:
        catalog.add("results", task="spectrum:all", key=f"spectrum.{key}", value=value, error=error, unit=unit)
    read = text(catalog.page())
    assert "SIMULATED DATA" in read
    assert "(3.54 ± 0.31) × 10⁻¹¹ TeV⁻¹ cm⁻² s⁻¹" in read
    assert "3.23 × 10⁻¹¹ TeV⁻¹ cm⁻² s⁻¹ (3.54 ± 0.31) × 10⁻¹¹ TeV⁻¹ cm⁻² s⁻¹ +1.0 σ" in read
    assert "2.50 ± 0.10 +0.3 σ" in read


def test_real_data_have_no_banner(catalog: Catalog) -> None:
    catalog.task(0, "theta2:all")
    assert "SIMULATED" not in catalog.page()


def test_host_environment_is_shown_loudly(catalog: Catalog) -> None:
    catalog.task(0, "theta2:all")
    catalog.add("jobs", attempt="1", task="theta2:all", action="theta2:all", state="done", environment="host")
    catalog.add("meta", key="digest.science", value="c0ffee")
    read = text(catalog.page())
    assert "Host environment: not archivable bit for bit." in read
    assert "engine science c0ffee" in read


def test_image_environment_is_not(catalog: Catalog) -> None:
    catalog.task(0, "theta2:all")
    catalog.add("jobs", attempt="1", task="theta2:all", action="theta2:all", state="done", environment="sha256:beef")
    page = catalog.page()
    assert "not archivable" not in page
    assert "sha256:beef" in page


def test_failures_are_told_with_their_reasons(catalog: Catalog) -> None:
    catalog.task(0, "star:05029747.M1", state="failed", reason="M1_05029747.001_Y: not a whole ROOT file")
    catalog.task(1, "superstar:05029747", state="blocked", reason="star:05029747.M1 failed")
    catalog.task(2, "star:05029748.M1")
    read = text(catalog.page())
    assert "1 task failed, 1 did not run." in read
    assert "star:05029747.M1 failed M1_05029747.001_Y: not a whole ROOT file" in read
    assert "automagic log crab star:05029747.M1" in read


def test_runs_and_what_was_left_out(catalog: Catalog) -> None:
    catalog.add("runs", run=5029747, night="2013-10-05", source="CrabNebula", wobble="W0.40+035", zenith=20.3)
    catalog.task(0, "magic_dl3:05029747")
    catalog.add("conditions", task="magic_dl3:05029747", key="run", value="5029747", number=5029747.0)
    for number in (1, 2, 10):
        catalog.add("meta", key=f"note.{number}", value=f"reason {number}")
    read = text(catalog.page())
    assert "05029747 2013-10-05 CrabNebula W0.40+035 20.3 – – done" in read
    assert "reason 1 reason 2 reason 10" in read


def test_time_counts_the_job_of_todays_product_once(catalog: Catalog) -> None:
    catalog.task(0, "star:05029747.M1")
    for attempt, state, wall in (("a", "failed", 100.0), ("b", "done", 7.0), ("c", "done", 8.0)):
        row = {"attempt": attempt, "state": state, "wall_s": wall, "ended": f"2026-01-01T00:00:0{ord(attempt) - 96}Z"}
        catalog.add("jobs", **row, task="star:05029747.M1", action="star:05029747.M1", cpu_s=1.0)
    catalog.task(1, "star:05029747.M2", state="pending")  # it was done with another card
    for name in ("one", "two"):
        for task in ("star:05029747.M1", "star:05029747.M2"):
            catalog.add("products", task=task, name=name, size=1_500_000)
    read = text(catalog.page())
    assert "star openmars 2 1 1 8.0 s 1.0 s – 3.0 MB" in read
    assert "3 jobs started in all, 1 failed" in read


def test_nothing_from_a_file_becomes_markup(catalog: Catalog) -> None:
    evil = "<script>alert(1)</script>"
    catalog.task(0, "star:1", state="failed", reason=evil, card=f"A: {evil}\n")
    catalog.add("runs", run=1, source=evil)
    catalog.add("meta", key="note.1", value=evil)
    (catalog.root / "analysis.toml").write_text(f"[source]\nname = '{evil}'\n")
    page = catalog.page()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


def test_analysis_toml_is_shown_flat(catalog: Catalog) -> None:
    (catalog.root / "analysis.toml").write_text(
        '[cards.star]\n"MJStar.X.Y" = 6.5\n[data]\ndates = [2013-04-10]\nzenith = [5, 50]\n'
    )
    read = text(catalog.page())
    assert "[cards] star.MJStar.X.Y 6.5" in read
    assert "zenith 5, 50" in read


def test_same_catalog_same_page(catalog: Catalog) -> None:
    catalog.task(0, "star:05029747.M1")
    assert catalog.page() == write(catalog.root).read_text(encoding="utf-8")
    assert [path.name for path in (catalog.root / "results").iterdir()] == ["report.html"]


def test_an_analysis_that_never_ran(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no catalog yet"):
        write(tmp_path)
    (tmp_path / "catalog.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(UserError, match="cannot be read"):
        write(tmp_path)
