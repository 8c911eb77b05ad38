"""[[sources]] of analysis.toml, and of a simulated site: what is right is read, what is wrong is told."""

import pytest

from automagic.analysis import load
from automagic.errors import UserError

TWO = """
[[sources]]
name = "1ES0229+200"
ra = 38.2026
dec = 20.2879
redshift = 0.14
[[sources]]
name = "RBS0723"
ra = 131.8039
dec = 11.5640
"""
ONE = """
[source]
name = "Mrk421"
ra = 166.1138
dec = 38.2088
"""


@pytest.fixture
def read(tmp_path):
    def reader(text, site=""):
        (tmp_path / "analysis.toml").write_text(text)
        (tmp_path / "site.toml").write_text(site)
        return load(tmp_path)

    return reader


def test_a_list_of_sources_is_read_in_its_order(read):
    analysis = read(TWO + '[flux]\nenergy_min = "500 GeV"\nindex = 2.0\n')
    assert [each.name for each in analysis.sources] == ["1ES0229+200", "RBS0723"]
    assert (analysis.flux.energy_min, analysis.flux.index) == (0.5, 2.0)
    alone = analysis.of(analysis.sources[1])
    assert (alone.source.name, alone.sources, alone.known) == ("RBS0723", (), (analysis.sources[1],))
    assert read(ONE).known == (read(ONE).source,)


SITE = """
[simulate]
seed = 1
[[simulate.sources]]
name = "RBS0723"
ra = 131.8039
dec = 11.5640
[[simulate.runs]]
run = 1
start = 2014-01-02T01:30:00Z
minutes = 1
source = "RBS723"
"""


@pytest.mark.parametrize(
    ("text", "site", "words"),
    [
        ("", "", ["analysis.toml", "'source' is missing", "[[sources]]"]),
        (TWO + ONE, "", ["both [source] and [[sources]]"]),
        (TWO + TWO, "", ["sources", "1ES0229+200 is there twice"]),
        (TWO + "[[sources]]\nname = 'Other'\nra = 38.2\ndec = 20.29\n", "", ["1ES0229+200 and Other", "same place"]),
        (TWO + "[[sources]]\nname = 'a/b'\nra = 3.0\ndec = 2.0\n", "", ["sources[3].name", "'a/b'"]),
        (TWO + "[[sources]]\nname = 'X'\nra = 3.0\ndec = 2.0\nreshift = 1\n", "", ["sources[3].reshift", "'redshift'"]),
        (TWO + "[data]\nsource = 'RBS0723'\n", "", ["data.source", "data.cone"]),
        (ONE + "[flux]\nindex = 2.0\n", "", ["[flux] goes with [[sources]]"]),
        (TWO, SITE, ["site.toml", "RBS723", "did you mean 'RBS0723'"]),
    ],
)
def test_what_is_wrong_is_told(read, text, site, words):
    with pytest.raises(UserError) as error:
        read(text, site)
    assert [word for word in words if word not in str(error.value)] == []
