"""What a person writes behind --set, and how the folders of a scan are called."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automagic.derive.ask import plan_children, read_settings, split
from automagic.errors import UserError


def values(text):
    ((setting,)) = [read_settings([text], [])]
    return [value.data for value in setting[0].values]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("data.zenith=[5, 35]", [[5, 35]]),
        ("data.zenith=[5,35],[35,50]", [[5, 35], [35, 50]]),
        ("cards.star.A.B=6,7, 8.5", [6, 7, 8.5]),
        ("spectrum.model=power-law", ["power-law"]),
        ("spectrum.model=power-law,log-parabola", ["power-law", "log-parabola"]),
        ("spectrum.reference=300 GeV", ["300 GeV"]),
        ('source.name="a, b"', ["a, b"]),
        ("data.wobbles=W0.40+035", ["W0.40+035"]),
        ("data.quality=false", [False]),
        ("cards.star.A=x=1", ["x=1"]),
        ("source.name=Barnard's", ["Barnard's"]),
    ],
)
def test_values_are_toml_or_plain_text_and_a_comma_outside_of_brackets_parts_them(text, wanted):
    found = values(text)
    assert found == wanted
    assert [type(each) for each in found] == [type(each) for each in wanted]


@pytest.mark.parametrize(
    ("sets", "unsets", "said"),
    [
        (["data.zenith"], [], "give a key and a value"),
        (["zenith=5"], [], "not a whole key"),
        (["cards.star=5"], [], "give program and key"),
        (["=5"], [], "cannot be a key"),
        (["data.a b=5"], [], "cannot be a key"),
        (["data.zenith="], [], "there is no value"),
        (["data.zenith=6,,7"], [], "there is no value"),
        (["data.zenith=[5"], [], "neither TOML nor plain text"),
        (["data.zenith=a\nb"], [], "do not print"),
        (["data.zenith=5", "data.zenith=6"], [], "given twice"),
        (["data.zenith=5"], ["data.zenith"], "given twice"),
    ],
)
def test_nonsense_is_refused(sets, unsets, said):
    with pytest.raises(UserError, match=said):
        read_settings(sets, unsets)


@given(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True), min_size=1, max_size=3))
def test_a_scan_is_the_product_of_its_lists(tmp_path_factory, lists):
    parent = tmp_path_factory.getbasetemp() / "scans" / "crab"
    parent.mkdir(parents=True, exist_ok=True)
    asked = read_settings([f"data.k{n}={','.join(map(str, each))}" for n, each in enumerate(lists)], [])
    children = plan_children(parent, "new", asked, parent)
    assert [[value.data for _, value in child.changes] for child in children] == [
        list(each) for each in itertools.product(*lists)
    ]
    names = [child.folder.name for child in children]
    assert len(set(names)) == len(names)
    several = [each for each in lists if len(each) > 1]
    assert names == ["-".join(["new", *map(str, words)]) for words in itertools.product(*several)]
    assert {child.folder.parent for child in children} == {parent.parent}


def test_more_than_a_hundred_are_made_only_where_that_is_said(tmp_path):
    (tmp_path / "crab").mkdir()
    asked = read_settings([f"data.{key}={','.join(map(str, range(11)))}" for key in "ab"], [])
    with pytest.raises(UserError, match="121 analyses"):
        plan_children(tmp_path / "crab", "new", asked, tmp_path)
    assert len(plan_children(tmp_path / "crab", "new", asked, tmp_path, yes=True)) == 121


@pytest.mark.parametrize(
    "name", ["", ".hidden", "a b", "-n", "x" * 101, "ü", "a\nb", "..", "crab/inside", "no/such/place"]
)
def test_a_name_that_is_not_safe_is_refused(tmp_path, name):
    (tmp_path / "crab").mkdir()
    with pytest.raises(UserError):
        plan_children(tmp_path / "crab", name, read_settings(["data.a=1"], []), tmp_path)


def test_nothing_is_ever_replaced(tmp_path):
    for name in ("crab", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("crab", "there", "dangling"):
        with pytest.raises(UserError):
            plan_children(tmp_path / "crab", name, read_settings(["data.a=1"], []), tmp_path)


def test_two_values_that_would_make_one_folder_are_refused(tmp_path):
    (tmp_path / "crab").mkdir()
    with pytest.raises(UserError, match="same folder"):
        plan_children(tmp_path / "crab", "new", read_settings(["data.a=5 GeV,5_GeV"], []), tmp_path)


@given(st.text(alphabet="ab,[]{}\"' ", max_size=12))
def test_splitting_loses_nothing_but_commas_and_blanks(text):
    assert "".join(split(text)).replace(" ", "").replace(",", "") == text.replace(" ", "").replace(",", "")
