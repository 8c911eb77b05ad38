"""Cards read as ROOT's TEnv reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmars.core import Env, ProgramError

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9.]{0,12}", fullmatch=True)
VALUES = st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="$"), max_size=20)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_what_is_written_is_read(entries: dict[str, str]) -> None:
    entries.pop("Include", None)
    env = Env.parse("".join(f"{name}: {value}\n" for name, value in entries.items()))
    assert env.values == {name: value.strip() for name, value in entries.items()}
    assert env.messages == []


def test_a_comment_after_a_value_is_part_of_it_and_a_value_may_hold_colons() -> None:
    env = Env.parse("# x: 1\n  # y: 2\nA: 3 # three\nRF.zdmin: default: 5\nB(Double): 7\n")
    assert env.values == {"A": "3 # three", "RF.zdmin": "default: 5", "B": "7"}
    assert env.get_int("A", 0) == 3


def test_the_first_of_two_entries_wins_with_a_message_and_plus_appends() -> None:
    env = Env.parse("A: 1\nA: 2\nB: x\n+B: y\n")
    assert env.values == {"A": "1", "B": "x y"}
    assert env.messages == ["duplicate entry <A=2> for level 0; ignored"]


def test_only_the_form_with_parentheses_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKY", "dark")
    assert Env.parse("A: $(SKY)/$SKY\n").values["A"] == "dark/$SKY"


@pytest.mark.parametrize(("word", "value"), [("TRUE", True), ("off", False), ("Ok", True), ("not", False), ("2", True)])
def test_switches(word: str, value: bool) -> None:
    assert Env.parse(f"A: {word}\n").get_bool("A", not value) is value


def test_what_is_no_number_gives_the_default_and_says_so() -> None:
    env = Env.parse("A.Level: high\n")
    assert env.get_float("A.Level", 6.0) == 6.0
    assert "A.Level" in env.messages[0]


def test_includes_have_lower_priority_and_are_relative_to_the_including_card(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "b.rc", "A: 2\nB: 2\nInclude: c.rc\n")
    write(tmp_path / "sub" / "c.rc", "B: 3\nC: 3\n")
    env = Env.read(write(tmp_path / "a.rc", "Include: sub/b.rc\nA: 1\n"))
    assert env.values == {"A": "1", "B": "2", "C": "3"}
    assert env.messages == []


@pytest.mark.parametrize("text", ["A: 1\r\n", "A: 1", "Include: a.rc\n", "Include: none.rc\n"])
def test_cards_that_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProgramError) as caught:
        Env.read(write(tmp_path / "a.rc", text))
    assert caught.value.code == 254


def test_a_task_finds_the_most_special_name_and_the_rest_stays_untouched() -> None:
    env = Env.parse("MClean.Level: 1\nMJStar.MClean.Level: 2\nMJStar.MCleam.Level: 3\n")
    assert env.task("MJStar", "MClean").get_float("Level", 0.0) == 2.0
    assert env.untouched() == {"MClean.Level": "1", "MJStar.MCleam.Level": "3"}
    assert env.looked_up == {"MJStar.MClean.Level": "2"}
