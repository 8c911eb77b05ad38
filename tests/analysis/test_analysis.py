"""analysis.toml and site.toml: what is right is read, what is wrong is told with file, key and remedy."""

import subprocess
import sys
from datetime import date

import pytest

from automagic.analysis import load
from automagic.errors import UserError

GOOD = """
[source]
name = "CrabNebula"
ra = 83.6333
dec = 22.0145
"""


@pytest.fixture
def write(tmp_path):
    def writer(text, site=None):
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        (folder / "analysis.toml").write_text(text)
        if site is not None:
            (folder / "site.toml").write_text(site)
        return folder

    return writer


def test_a_source_is_enough(write):
    analysis = load(write(GOOD))
    assert analysis.name == "mine"
    assert (analysis.kind, analysis.engine, analysis.data.level) == ("standard", "openmars", "calibrated")
    assert analysis.spectrum.reference == 1.0
    assert analysis.marssys("openmars").name == "openmars"


def test_all_of_the_plan_is_read(write):
    analysis = load(
        write(
            GOOD
            + """
redshift = 0.031
[analysis]
kind = "standard"
engine = "openmars"
[data]
from = "calibrated"
dates = ["2013-04-10", 2013-04-20]
zenith = [5, 50]
[cards.star]
"MJStar.MImgCleanStd.CleanLevel1" = 6.5
MJStar.UseAddNoise = true
[spectrum]
model = "power-law"
reference = "300 GeV"
"""
        )
    )
    assert analysis.data.dates == (date(2013, 4, 10), date(2013, 4, 20))
    assert analysis.cards == {"star": {"MJStar.MImgCleanStd.CleanLevel1": 6.5, "MJStar.UseAddNoise": True}}
    assert analysis.spectrum.reference == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["analysis.toml", "'source' is missing"]),
        ("[source]\nname = 'Crab'\nra = 1\n", ["'source.dec' is missing"]),
        (GOOD + "redshfit = 0.03\n", ["'source.redshfit'", "did you mean 'redshift'"]),
        (GOOD + "[spectrm]\nmodel = 'power-law'\n", ["'spectrm'", "did you mean 'spectrum'"]),
        (
            GOOD + "[spectrum]\nmodel = 'logparabola'\n",
            ["spectrum.model", "'logparabola'", "mean 'log-parabola'"],
        ),
        (GOOD + "[spectrum]\nreference = 1.0\n", ["spectrum.reference", "1.0", "'300 GeV'"]),
        (GOOD + "[spectrum]\nreference = '1 TV'\n", ["spectrum.reference", "with its unit"]),
        (
            GOOD + "[spectrum]\nenergy_min = '1 TeV'\nenergy_max = '200 GeV'\n",
            ["spectrum", "energy_min must be below"],
        ),
        (GOOD + "[data]\nfrom = 'raws'\n", ["data.from", "did you mean 'raw'"]),
        (GOOD + "[data]\nfrom = 'calibratd'\n", ["data.from", "did you mean 'calibrated'"]),
        (GOOD + "[analysis]\nengine = 'marss'\n", ["analysis.engine", "did you mean 'mars'"]),
        (GOOD + "[data]\ndates = ['2013-04-20', '2013-04-10']\n", ["data.dates", "must not be after"]),
        (GOOD + "[data]\ndates = ['April', '2013-04-10']\n", ["data.dates[1]", "'April'", "'2013-10-05'"]),
        (GOOD + "[data]\nzenith = [50, 5]\n", ["data.zenith", "first must be below"]),
        (GOOD + "[data]\nzenith = [5, 95]\n", ["data.zenith[2]", "95"]),
        (GOOD + "[data]\nzenith = [5]\n", ["data.zenith"]),
        (GOOD + "[data]\nzenith = ['a', 5]\n", ["data.zenith", "two numbers"]),
        (GOOD + "[data]\nazimuth = [0]\n", ["data.azimuth", "two numbers"]),
        (GOOD + "[data]\nazimuth = [0, 361]\n", ["data.azimuth[2]", "361", "360"]),
        (GOOD + "[data]\nnsb = [2, 1]\n", ["data.nsb", "first must be below"]),
        (GOOD + "[data]\nnsb = 2\n", ["data.nsb", "two numbers"]),
        (GOOD + "[data]\nrate = [-1, 400]\n", ["data.rate[1]", "-1"]),
        (GOOD + "[data]\nhv = 'reducd'\n", ["data.hv", "'reducd'", "did you mean 'reduced'", "'nominal'"]),
        (GOOD + "[data]\nhv = 3\n", ["data.hv", "3", "'nominal'"]),
        (GOOD + "[data]\ntrigger = ['standard', 'sum']\n", ["data.trigger", "'sumt'"]),
        (GOOD + "[data]\ntransmission = 85\n", ["data.transmission", "85", "1"]),
        (GOOD + "[data]\ncloudiness = '45'\n", ["data.cloudiness", "'45'", "number"]),
        (GOOD + "[data]\nperiods = 'ST03'\n", ["data.periods[1]", "'ST03'", "'ST.03.16'"]),
        (GOOD + "[data]\nperiods = []\n", ["data.periods", "empty"]),
        (GOOD + "[data]\nnights = ['yesterday']\n", ["data.nights[1]", "'2013-10-05'"]),
        (GOOD + "[data]\nwobbles = ['0.40']\n", ["data.wobbles[1]", "'W0.40+035'"]),
        (GOOD + "[data]\nminutes_min = -1\n", ["data.minutes_min", "-1"]),
        (GOOD + "[data]\nquality = 'yes'\n", ["data.quality", "'yes'", "boolean"]),
        (GOOD + "[data]\ncone = 0\n", ["data.cone", "0"]),
        (GOOD + "[data]\ncone = 0.5\nsource = 'Crab'\n", ["data", "either source or cone"]),
        (GOOD + "[data]\nsource = '$(HOME)'\n", ["data.source[1]", "'$(HOME)'"]),
        (GOOD + "[data]\nruns = [7]\nexclude = [7]\n", ["data", "run 00000007 is both in runs and in exclude"]),
        (GOOD + "[data]\ntransmision = 0.9\n", ["'data.transmision'", "did you mean 'transmission'"]),
        (GOOD + "[data]\nruns = ['05029747']\n", ["data.runs[1]", "'05029747'", "integer"]),
        (GOOD.replace("83.6333", "'83.6333'"), ["source.ra", "'83.6333'", "number"]),
        (GOOD.replace("83.6333", "true"), ["source.ra", "True"]),
        (GOOD.replace("83.6333", "nan"), ["source.ra"]),
        (GOOD.replace("22.0145", "122"), ["source.dec", "122", "90"]),
        (GOOD + "[cards]\nstar = 3\n", ["cards", "[cards.star]"]),
        (GOOD + "[cards.star]\nA = [1]\n", ["[cards.star] A must be text, a number or true/false, not [1]"]),
        ("[source\n", ["analysis.toml", "not TOML"]),
    ],
)
def test_what_is_wrong_is_told(write, text, words):
    with pytest.raises(UserError) as error:
        load(write(text))
    for word in ["analysis.toml", *words]:
        assert word in str(error.value)
    assert "pydantic" not in str(error.value)


@pytest.mark.parametrize("name", ["", "a b", "../../x", "x;rm -rf ~", "$(HOME)", "`id`", "x\\ny", "-rf", "Crab/Nebula"])
def test_names_that_could_do_harm_are_refused(write, name):
    with pytest.raises(UserError, match=r"source\.name"):
        load(write(GOOD.replace('"CrabNebula"', f'"{name}"' if "\\n" in name else f"'{name}'")))


@pytest.mark.parametrize(
    ("site", "words"),
    [
        ("[storage]\nroot = []\n", ["site.toml", "'storage.root'", "did you mean 'roots'"]),
        ("folder = '/tmp'\n", ["site.toml", "'folder'"]),
        ("[simulate]\n", ["'simulate.seed' is missing"]),
        ("[simulate]\nseed = 1\n[[simulate.runs]]\nrun = 1\nstart = 'noon'\n", ["simulate.runs[1].start", "UTC"]),
        (
            "[simulate]\nseed = 1\n" + "[[simulate.runs]]\nrun = 7\nstart = 2013-10-05T04:00:00Z\nminutes = 1\n" * 2,
            ["run 00000007 is there twice"],
        ),
        (
            "[simulate]\nseed = 1\n[[simulate.runs]]\nrun = 7\nstart = 2013-10-05T04:00:00Z\nminute = 1\n",
            ["'simulate.runs[1].minute'", "did you mean 'minutes'", "'simulate.runs[1].minutes' is missing"],
        ),
        ("[simulate]\nseed = 1\n[[simulate.mc]]\nzenith = [5, 35]\n", ["'simulate.mc[1].showers' is missing"]),
        ("[engines.marss]\nmarssys = '/x'\n", ["engines", "'mars'"]),
        ("[local]\ncores = 0\n", ["local.cores"]),
    ],
)
def test_what_is_wrong_with_the_site_is_told(write, site, words):
    with pytest.raises(UserError) as error:
        load(write(GOOD, site))
    for word in ["site.toml", *words]:
        assert word in str(error.value)


def test_all_that_data_can_say_is_read(write):
    data = load(
        write(
            GOOD
            + """
[data]
from = "raw"
source = ["CrabNebula", "Crab"]
nights = [2020-11-01, "2020-11-02"]
periods = ["ST.03.16", "ST0317A", "M20318A"]
azimuth = [300, 60]
hv = ["reduced", "nominal"]
trigger = "sumt"
nsb = [2, 5]
transmission = 0.7
cloudiness = 30
rate = [150, 450]
wobbles = ["W0.40", "W0.70+035"]
minutes_min = 5
quality = false
"""
        )
    ).data
    assert (data.level, data.quality, data.source) == ("raw", False, ("CrabNebula", "Crab"))
    assert data.nights == (date(2020, 11, 1), date(2020, 11, 2))
    assert data.periods == ("ST.03.16", "ST.03.17", "M2.03.18")
    assert (data.azimuth, data.nsb, data.rate) == ((300, 60), (2, 5), (150, 450))
    assert (data.hv, data.trigger, data.wobbles) == (("reduced", "nominal"), ("sumt",), ("W0.40", "W0.70+035"))
    assert (data.transmission, data.cloudiness, data.minutes_min) == (0.7, 30, 5)


def test_mars_needs_to_know_where_it_is(write):
    with pytest.raises(UserError, match=r"engines\.mars"):
        _ = load(write(GOOD + "[analysis]\nengine = 'mars'\n")).marssys("mars")
    with pytest.raises(UserError, match="there is no folder"):
        _ = load(write(GOOD + "[analysis]\nengine = 'mars'\n", "[engines.mars]\nmarssys = 'nowhere'\n")).marssys("mars")


def test_a_folder_without_an_analysis_is_told(tmp_path):
    with pytest.raises(UserError, match=r"analysis\.toml"):
        load(tmp_path)


def test_reading_is_light():
    code = "import sys, automagic.analysis; print([m for m in ('astropy', 'gammapy', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_site_for_all_analyses_counts_where_the_own_file_says_nothing(write, tmp_path, monkeypatch):
    common = tmp_path / "all" / "site.toml"
    common.parent.mkdir()
    common.write_text(
        "executor = 'condor'\n[condor]\nmax_running = 7\n[storage]\nroots = ['data']\n[local]\ncores = 3\n"
        "[engines.openmars]\nimage = 'openmars.sif'\n"
    )
    monkeypatch.setenv("AUTOMAGIC_SITE", str(common))
    site = load(write(GOOD, "[local]\nmemory_mb = 500\n")).site
    assert (site.executor, site.condor.max_running) == ("condor", 7)
    assert (site.local.cores, site.local.memory_mb) == (None, 500)  # a table of the own file is taken whole
    assert site.storage.roots == [str(tmp_path / "all" / "data")]
    assert site.engines["openmars"].image == str(tmp_path / "all" / "openmars.sif")
    common.write_text("[condor]\nmax_runing = 7\n")
    with pytest.raises(UserError, match=r"AUTOMAGIC_SITE.*max_runing.*max_running"):
        load(write(GOOD))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("submit = { executable = '/bin/sh' }", "set by autoMAGIC"),
        ("submit = { 'a b' = '1' }", "no submit command"),
        ("submit = { requirements = 'a\\' }", "one line"),
        ('submit = { requirements = "a\\nqueue 5" }', "one line"),
        ("submit = { '+AutomagicAction' = '1' }", "set by autoMAGIC"),
        ("submit = { notes = '$(Cluster)' }", "macros"),
        ("accounting_group = 'a b'", "letters"),
        ("accounting_group_user = 'me'", "goes with"),
        ("apptainer = 'apptainer'", "condor.apptainer"),
    ],
)
def test_what_htcondor_would_misread_is_refused(write, line, words):
    with pytest.raises(UserError, match=words):
        load(write(GOOD, f"[condor]\n{line}\n"))


def test_extra_submit_lines_are_kept(write):
    lines = "submit = { requirements = 'HasSIF && OpSysMajorVer >= 9', '+Flavour' = '\"long\"', nice_user = true }"
    assert load(write(GOOD, f"[condor]\n{lines}\n")).site.condor.submit == {
        "requirements": "HasSIF && OpSysMajorVer >= 9",
        "+Flavour": '"long"',
        "nice_user": "true",
    }
