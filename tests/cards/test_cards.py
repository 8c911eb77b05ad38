"""Cards: what TEnv would read from them, and that nothing slips in."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from automagic import cards
from automagic.errors import UserError

keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\[\]\-]{0,20}", fullmatch=True).filter(str.isascii)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.strip)
card_dicts = st.dictionaries(keys.filter(lambda key: key != "Include"), values, max_size=8)


@given(card_dicts)
def test_what_is_written_is_read_back(card):
    text = cards.render(card)
    assert cards.read_text(text) == card
    assert text == "" or text.endswith("\n")


@given(card_dicts, st.randoms())
def test_comments_order_and_spacing_change_nothing(card, random):
    lines = [f"{key} \t:   {text}  " for key, text in card.items()]
    random.shuffle(lines)
    text = "# a default card\r\n\n" + "\r\n".join(f"# about it\n{line}" for line in lines)
    assert cards.render(cards.read_text(text)) == cards.render(card)


@given(keys, st.text())
def test_no_value_injects_a_line(key, text):
    try:
        rendered = cards.render({key: cards.value(key, text)})
    except ValueError:
        return
    assert len(rendered.splitlines()) == 1
    assert rendered.count("\n") == 1
    assert "\r" not in rendered
    assert "$(" not in rendered


@given(st.text())
def test_no_key_injects_a_line(key):
    assume(key not in cards.read_text("A: 1\n"))
    problems = cards.check([key], ["A"])
    assert len(problems) == 1
    assert len(problems[0].splitlines()) == 1


@pytest.mark.parametrize("bad", ["a\nB: 1", "a\rb", "$(HOME)", "x\x85y", "x\u2028y", "µ", float("nan"), [1], None])
def test_bad_values_are_refused(bad):
    with pytest.raises(ValueError, match="Key"):
        cards.value("Key", bad)


def test_render_refuses_what_it_could_not_read_back():
    for bad in ({"a b": "1"}, {"A:": "1"}, {"A": "x\ny"}, {"#A": "1"}, {"A": " x"}):
        with pytest.raises(ValueError):
            cards.render(bad)


def test_first_of_two_equal_keys_counts_and_plus_appends():
    assert cards.read_text("A: 1\nA: 2\n+A: 3\n") == {"A": "1 3"}


def test_trailing_comment_is_part_of_the_value():
    assert cards.read_text("A: 6.0 # phe\n") == {"A": "6.0 # phe"}


def test_last_line_without_newline_counts():
    assert cards.read_text("A: 1\nB: 2") == {"A": "1", "B": "2"}


def test_line_without_colon_is_named():
    with pytest.raises(UserError, match=r"star\.rc, line 2"):
        cards.read_text("A: 1\nCleanLevel1 6\n", name="star.rc")


def test_included_cards_have_lower_priority(tmp_path):
    (tmp_path / "a.rc").write_text("Include: b.rc\nA: 1\n")
    (tmp_path / "b.rc").write_text("A: 2\nB: 3\n")
    assert cards.read(tmp_path / "a.rc") == {"A": "1", "B": "3"}


def test_card_that_includes_itself_or_is_missing_is_an_error(tmp_path):
    (tmp_path / "a.rc").write_text("Include: a.rc\n")
    with pytest.raises(UserError, match="includes itself"):
        cards.read(tmp_path / "a.rc")
    with pytest.raises(UserError, match=r"no\.rc"):
        cards.read(tmp_path / "no.rc")


def test_misspelt_key_is_told_with_the_right_one():
    known = ["MJStar.MImgCleanStd.CleanLevel1", "MJStar.MImgCleanStd.CleanLevel2", "MJStar.UseAddNoise"]
    assert "'MJStar.MImgCleanStd.CleanLevel1'" in cards.check(["MJStar.MImgCleanStd.CleenLevel1"], known)[0]
    assert "'MJStar.UseAddNoise'" in cards.check(["useaddnoise"], known)[0]
    assert cards.check(["MJStar.UseAddNoise"], known) == []
    assert "mean" not in cards.check(["Flute.nothing"], known)[0]
