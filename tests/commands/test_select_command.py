"""``automagic select`` on a planned site: nothing has run, and each run is taken or has its reason."""

import csv
import io
import json

import pytest
from click.testing import CliRunner

from automagic.cli import main

ANALYSIS = """
[source]
name = "CrabNebula"
ra = 83.6333
dec = 22.0145
[data]
"""
SITE = """
[simulate]
seed = 1
[[simulate.runs]]
run = 5029747
start = 2013-10-05T04:00:00Z
minutes = 12
[[simulate.runs]]
run = 5029748
start = 2013-10-05T04:14:00Z
minutes = 12
wobble = "W0.40+215"
cloudiness = 70
[[simulate.runs]]
run = 5029749
start = 2013-10-06T04:14:00Z
minutes = 12
nsb = 4.0
[[simulate.runs]]
run = 5029750
start = 2013-10-06T04:28:00Z
minutes = 12
transmission = 0.6
[[simulate.off]]
run = 5029801
start = 2013-10-06T04:05:00Z
minutes = 10
name = "OffCrab"
ra = 83.6
dec = 28.0
[[simulate.mc]]
zenith = [5, 35]
showers = 10
files = 2
"""


@pytest.fixture
def select(tmp_path):
    def command(*options, data="", site=SITE):
        (tmp_path / "analysis.toml").write_text(ANALYSIS + data)
        (tmp_path / "site.toml").write_text(site)
        return CliRunner().invoke(main, ["select", str(tmp_path), *options])

    return command


def words(text):
    return " ".join(text.split())


def test_runs_reasons_hours_and_what_belongs_to_them(select):
    result = select()
    assert result.exit_code == 0
    text = words(result.stdout)
    assert "(simulated): 1 of 4 runs of CrabNebula taken, 0.20 h; 3 left out, 0.60 h" in text
    assert "left out: 1 bright sky (0.20 h), 1 haze (0.20 h), 1 clouds (0.20 h)" in text
    assert "clouds cloudiness 70 % is above the usual 45 %" in text
    assert "bright sky NSB 4 is outside the usual 0–2" in text
    assert "haze transmission 0.6 is below the usual 0.85" in text
    assert "by night" in text
    assert "by period" in text
    assert "by conditions" in text
    assert "5–35°, dark 1 0.20 h GA_za05to35_w0 (planned) 1 run, 0.17 h: 05029801" in text
    assert "\x1b" not in result.stdout


def test_a_condition_without_a_match_is_told(select):
    text = words(select(data="nsb = [0, 5]\n").stdout)
    assert "2 of 4 runs" in text
    text = words(select(site=SITE[: SITE.index("[[simulate.mc]]")]).stdout)
    assert "none fits" in text
    assert "the site has no gamma Monte Carlo of geometry w0" in text
    without_off = SITE[: SITE.index("[[simulate.off]]")] + SITE[SITE.index("[[simulate.mc]]") :]
    assert "there is no off run within 5° of the zenith range 5–35°" in words(select(site=without_off).stdout)


def test_off_runs_that_cannot_be_used_are_told(select):
    cloudy = SITE.replace('name = "OffCrab"', 'name = "OffCrab"\ncloudiness = 80')
    text = words(select(site=cloudy).stdout)
    assert "off data: run 05029801 left out: its cloudiness 80 % is above the usual 45 %" in text
    assert "there is no off run within 5° of the zenith range 5–35°" in text


def test_csv_and_json_have_every_run(select):
    rows = list(csv.DictReader(io.StringIO(select("--csv").stdout)))
    assert [(row["run"], row["taken"], row["cause"]) for row in rows] == [
        ("5029747", "True", ""),
        ("5029748", "False", "cloudiness"),
        ("5029749", "False", "nsb"),
        ("5029750", "False", "transmission"),
    ]
    document = json.loads(select("--json").stdout)
    assert [row["run"] for row in document["runs"]] == [5029747, 5029748, 5029749, 5029750]
    assert document["total"]["taken"] == 1
    assert document["total"]["hours_left_out"] == pytest.approx(0.6)
    assert [night["name"] for night in document["nights"]] == ["2013-10-05", "2013-10-06"]
    (group,) = document["groups"]
    assert (group["monte_carlo"], group["runs"], group["off"]) == ("GA_za05to35_w0", [5029747], [5029801])


def test_an_empty_selection_shows_the_reasons_and_fails(select):
    result = select(data="cloudiness = 5\n")
    assert result.exit_code == 2
    assert "0 of 4 runs" in result.stdout
    assert "cloudiness 15 % is above data.cloudiness, 5 %" in words(result.stdout)
    assert "error: " in result.stderr
    assert "no run of CrabNebula remains of 4" in result.stderr


@pytest.mark.parametrize(
    ("options", "data", "said"),
    [
        (["--plot", "x.gif"], "", "--plot x.gif: the name must end in .png"),
        ([], "runs = [7]\n", "data.runs: there is no run 00000007 at the site"),
        ([], "transmission = 2\n", "data.transmission: found 2"),
    ],
)
def test_what_is_wrong_is_told(select, options, data, said):
    result = select(*options, data=data)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_a_figure_is_written(select, tmp_path, ending):
    result = select("--plot", str(tmp_path / f"which.{ending}"))
    assert result.exit_code == 0
    head = (tmp_path / f"which.{ending}").read_bytes()[:5]
    assert head in (b"\x89PNG\r", b"%PDF-", b"<?xml")


def test_nothing_is_written_and_nothing_runs(select, tmp_path):
    select()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".index") == ["analysis.toml", "site.toml"]
