"""What a selection adds up to, and how the page, the table and the figure tell it."""

import io
import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from automagic.analysis import load
from automagic.bookkeeping.catalog import SCHEMA, SCHEMA_VERSION
from automagic.errors import UserError
from automagic.index.runs import Run
from automagic.report import write
from automagic.report.selection import by_conditions, by_period, by_reason, by_time, light, sentence, total
from automagic.report.selection_plot import CLASSES, plot
from automagic.report.selection_table import MANY_RUNS, show
from automagic.selection.choose import WORDS
from automagic.selection.matching import Match

ANALYSIS = '[source]\nname = "CrabNebula"\nra = 83.6333\ndec = 22.0145\n'


def row(run, cause=None, night="2020-11-02", **more):
    return {
        "run": run,
        "taken": cause is None,
        "cause": cause,
        "reason": None if cause is None else f"its {cause} is wrong",
        "night": night,
        "source": "CrabNebula",
        "wobble": "W0.40+035",
        "level": "calibrated",
        "start": f"{night}T0{run % 6}:00:00Z",
        "minutes": 20.0,
        "zenith_min": 20.0,
        "zenith_max": 24.0,
        "azimuth": 110.0,
        "period": "ST.03.16",
        "nsb": 1.0,
        "hv": "nominal",
        "trigger": "standard",
        "transmission": 0.9,
        "cloudiness": 10.0,
        "rate": 250.0,
        "version": None,
        "conditions": "ST.03.16, 5–35°, dark",
        "remarks": None,
    } | more


ROWS = [
    row(1),
    row(2, "cloudiness", cloudiness=80.0),
    row(3, night="2020-11-03", remarks="M2 lacks subrun 002; its events have no partner"),
    row(4, "nsb", night="2020-11-03", nsb=4.0, conditions="ST.03.16, 5–35°, NSB 3–5", minutes=None),
    row(5, "telescope", night="2020-11-03"),
]


def test_hours_by_night_period_condition_and_reason():
    name, nights = by_time(ROWS)
    assert name == "night"
    assert [(n.name, n.taken, n.left_out, round(n.hours_taken, 3), round(n.hours_left_out, 3)) for n in nights] == [
        ("2020-11-02", 1, 1, 0.333, 0.333),
        ("2020-11-03", 1, 2, 0.333, 0.333),
    ]
    assert (nights[1].unknown, nights[1].unknown_left_out) == (0, 1)
    assert by_reason(ROWS)[1].time_left_out == "length not known"
    assert nights[1].why == "1 telescope missing, 1 bright sky"
    assert [part.name for part in by_period(ROWS)] == ["ST.03.16"]
    assert [part.name for part in by_conditions(ROWS)] == ["5–35°, dark", "5–35°, NSB 3–5"]
    assert [part.name for part in by_reason(ROWS)] == ["telescope", "nsb", "cloudiness"]
    assert sentence("CrabNebula", ROWS) == (
        "2 of 5 runs of CrabNebula taken, 0.67 h; 3 left out, 0.67 h and 1 of unknown length"
    )


def test_many_nights_become_months_and_years():
    days = [row(n, night=f"2020-{1 + n // 28:02d}-{1 + n % 28:02d}") for n in range(200)]
    assert by_time(days)[0] == "month"
    assert [part.name for part in by_time(days, most=3)[1]] == ["2020"]
    assert sum(part.taken for part in by_time(days)[1]) == 200


def test_light_in_words():
    assert light(row(1)) == "dark"
    assert light(row(1, nsb=9.0, hv="reduced")) == "NSB 8–12, reduced HV"
    assert light(row(1, nsb=None)) == "sky not known"
    assert light(row(1, nsb=None, trigger="sumt")) == "Sum-Trigger"


rows = st.lists(
    st.builds(
        lambda n, cause, night, minutes, nsb, period: row(
            n, cause, night, minutes=minutes, nsb=nsb, period=period, conditions=f"{period}, dark" if period else "dark"
        ),
        st.integers(1, 10**7),
        st.none() | st.sampled_from(sorted(WORDS)),
        st.dates().map(lambda day: day.isoformat()),
        st.none() | st.floats(0.1, 60),
        st.none() | st.floats(0, 30),
        st.sampled_from([None, "ST.03.16"]),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(rows)
def test_every_way_to_add_up_gives_the_same(some):
    whole = total(some)
    for parts in (by_time(some)[1], by_time(some, most=2)[1], by_period(some), by_conditions(some)):
        assert sum(part.taken for part in parts) == whole.taken
        assert sum(part.left_out for part in parts) == whole.left_out
        assert sum(part.hours_taken for part in parts) == pytest.approx(whole.hours_taken)
        assert sum(part.hours_left_out for part in parts) == pytest.approx(whole.hours_left_out)
    assert sum(part.left_out for part in by_reason(some)) == whole.left_out


def printed(width, rows, groups=(), notes=(), **more):
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, highlight=False)
    show(console, "crab", "CrabNebula", rows, list(groups), list(notes), **more)
    return file.getvalue()


def test_the_table_says_each_run_and_its_reason():
    text = re.sub(r" +", " ", printed(200, ROWS, notes=["a note"]))
    assert "crab: 2 of 5 runs of CrabNebula taken" in text
    assert "00000001 2020-11-02 W0.40+035 20 20–24 1 0.90 10 250 taken" in text
    assert "00000002 2020-11-02 W0.40+035 20 20–24 1 0.90 80 250 clouds cloudiness is wrong" in text
    assert "taken M2 lacks subrun 002" in text
    assert "left out: 1 telescope missing (0.33 h), 1 bright sky (length not known), 1 clouds (0.33 h)" in text
    assert "· a note" in text


@pytest.mark.parametrize("width", [60, 80, 100, 130, 160, 10_000])
def test_no_line_is_wider_than_the_terminal_and_no_reason_is_lost(width):
    run = Run(1, "2020-11-02", "CrabNebula", None, "calibrated", (), (20, 24), minutes=20.0)
    from automagic.selection.conditions import conditions

    group = Match(conditions(run), [run], problem="no Monte Carlo of trigger sumt for run 00000001; there is standard")
    text = printed(width, ROWS, [group])
    table = text[text.index("run ") :]
    assert max(len(line.rstrip()) for line in table.splitlines() if "Monte Carlo of" not in line) <= width
    words = " ".join(text.split())
    for each in ("00000001", "telescope is wrong", "cloudiness is wrong", "nsb is wrong", "no Monte Carlo of trigger"):
        assert each in words
    assert "wobble" in words or width < 160


def test_many_runs_are_added_up_unless_all_are_asked_for():
    many = [row(n, night=f"2020-11-{1 + n % 28:02d}") for n in range(MANY_RUNS + 1)]
    text = printed(150, many)
    assert "00000001" not in text
    assert "61 runs are added up here; --all lists each" in text
    assert "2020-11-28" in text
    assert "00000060" in printed(150, many, every=True)
    plain = printed(150, [row(n, "nsb" if n % 2 else None) for n in range(2000)], every=True)
    for line in ("00001998  2020-11-02  W0.40+035   20    20–24", "00001999  2020-11-02"):
        assert line in plain
    assert "bright sky  nsb is wrong\n" in plain


def test_the_figure_needs_zenith_distances(tmp_path):
    (tmp_path / "analysis.toml").write_text(ANALYSIS)
    analysis = load(tmp_path)
    with pytest.raises(UserError, match="zenith distance of none of the 1 runs is known"):
        plot(analysis, [row(1, zenith_min=None, zenith_max=None)], tmp_path / "x.png")
    with pytest.raises(UserError, match="cannot be written"):
        plot(analysis, ROWS, tmp_path / "nowhere" / "x.png")


def test_the_figure_is_the_same_each_time_and_draws_every_run(tmp_path):
    (tmp_path / "analysis.toml").write_text(ANALYSIS)
    analysis = load(tmp_path)
    some = [each for each in ROWS if each["minutes"]]
    for name in ("a", "b"):
        plot(analysis, some, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    from automagic.report.selection_plot import draw

    figure = draw(some, "title", (5, 50), simulated=True)
    # a line a run, and a white one over each that is left out
    runs = [line for panel in figure.axes for line in panel.lines if line.get_linewidth() > 3]
    assert len(runs) == len(some) + sum(not each["taken"] for each in some)
    assert [panel.get_title().splitlines()[0] for panel in figure.axes] == ["2020-11-02", "2020-11-03"]
    assert {text.get_text() for panel in figure.axes for text in panel.texts} == {"clouds", "telescope\nmissing"} or {
        text.get_text() for panel in figure.axes for text in panel.texts
    } == {"clouds", "telescope missing"}
    by_date = draw(ROWS, "title", None, simulated=False)
    assert sum(len(points.get_offsets()) for points in by_date.axes[0].collections) == len(ROWS)


def test_every_reason_has_a_mark():
    of_classes = [cause for _, _, causes in CLASSES.values() for cause in causes]
    assert len(of_classes) == len(set(of_classes))
    assert set(of_classes) <= set(WORDS)


def page(tmp_path, rows, notes=()):
    (tmp_path / "results").mkdir()
    (tmp_path / "analysis.toml").write_text(ANALYSIS)
    connection = duckdb.connect(str(tmp_path / "catalog.duckdb"))
    connection.execute(SCHEMA.read_text())
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", [SCHEMA_VERSION])
    for each in rows:
        marks = ",".join("?" * len(each))
        connection.execute(f"INSERT INTO selection ({','.join(each)}) VALUES ({marks})", list(each.values()))
    for number, note in enumerate(notes):
        connection.execute("INSERT INTO meta VALUES (?, ?)", [f"note.{number}", note])
    connection.close()
    return write(tmp_path).read_text(encoding="utf-8")


def test_the_page_says_which_runs(tmp_path):
    notes = [
        "run 00000002 left out: its cloudiness is wrong",
        "run 00000003: M2 lacks subrun 002; its events have no partner",
        "4 runs: their rate is not known, so data.rate was not applied",
    ]
    html = page(tmp_path, [*ROWS, row(6, "zenith") | {"reason": "<script>alert(1)</script>"}], notes)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert "Which runs 2 of 6 runs of CrabNebula taken, 0.67 h; 4 left out" in text
    assert "1 telescope missing (0.33 h), 1 zenith" in text
    assert "00000002 2020-11-02 W0.40+035 20.0 22.0 clouds its cloudiness is wrong" in text
    assert text.count("M2 lacks subrun 002") == 1
    assert text.count("its cloudiness is wrong") == 1
    assert "their rate is not known" in text
    assert "<script" not in html
    assert html.count("data:image/png;base64,") == 1


def test_a_catalog_of_an_older_version_has_no_selection(tmp_path):
    (tmp_path / "results").mkdir()
    connection = duckdb.connect(str(tmp_path / "catalog.duckdb"))
    connection.execute(SCHEMA.read_text())
    connection.execute("DROP TABLE selection")
    connection.execute("INSERT INTO meta VALUES ('note.0', 'run 00000002 left out: its night is another')")
    connection.close()
    assert "its night is another" in write(tmp_path).read_text(encoding="utf-8")
