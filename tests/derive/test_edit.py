"""Whatever a TOML file looks like: exactly the key in question changes, and all else in the text stays as it was."""

import difflib
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.derive.edit import change, read, remove
from automagic.errors import UserError

WORDS = st.sampled_from(
    ["a", "zenith", "MJStar.MImgCleanStd.CleanLevel1", "x-y", "from", "k.l", "it's", "ü", "a b", "#1"]
)
TEXTS = st.sampled_from(["plain", "with # no comment", "a = [1", 'say "x"', "[table]", "it's", "ü", "back\\slash", ""])
SCALARS = st.one_of(st.integers(-99, 99), st.floats(-1e6, 1e6), st.booleans(), TEXTS)
VALUES = st.one_of(SCALARS, st.lists(st.integers(0, 90), max_size=3), st.lists(TEXTS, max_size=2))
BLANKS = st.sampled_from(["", "", "\n", "\n\n", "# a comment = 1\n", "  # [no.table]\n"])
TRAILS = st.sampled_from(["", "", "  # deg", "\t# \"quoted\" = 'x'"])


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def written(draw, value):
    """A value in one of the ways in which a person may write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        how = draw(st.sampled_from(["basic", "literal", "long", "long literal"]))
        if how == "literal" and "'" not in value:
            return f"'{value}'"
        if how == "long literal" and "'" not in value:
            return f"'''\n{value}'''"
        return f'"""\\\n  {quoted(value)[1:-1]}"""' if how == "long" else quoted(value)
    if isinstance(value, list):
        inner = [draw(written(each)) for each in value]
        if draw(st.booleans()):
            comment = draw(st.sampled_from(["", "  # ] no end", "  # 'open"]))
            return "[\n" + "".join(f"    {each},{comment}\n" for each in inner) + "]"
        return f"[{', '.join(inner)}]"
    return repr(value)


@st.composite
def documents(draw):
    """A TOML text, and the keys in it as paths."""
    text, paths = draw(BLANKS), []
    sections = draw(
        st.lists(st.sampled_from(["data", "spectrum", "cards.star", "cards.coach", "[sources]"]), unique=True)
    )
    for section in sections:
        text += f"[{section}]{draw(TRAILS)}\n"
        above = tuple(section.strip("[]").split("."))
        seen = set()
        for key in draw(st.lists(WORDS, max_size=4, unique=True)):
            bare = all(part.isascii() and part.replace("-", "").isalnum() for part in key.split("."))
            parts = tuple(key.split(".")) if bare and draw(st.booleans()) else (key,)
            if any(parts[: len(other)] == other or other[: len(parts)] == parts for other in seen):
                continue
            seen.add(parts)
            name = ".".join(
                part if part.replace("-", "").isalnum() and part.isascii() else quoted(part) for part in parts
            )
            indent, gap = draw(st.sampled_from(["", "  "])), draw(st.sampled_from([" = ", "=", "   =\t"]))
            text += f"{draw(BLANKS)}{indent}{name}{gap}{draw(written(draw(VALUES)))}{draw(TRAILS)}\n"
            if "[" not in section:
                paths.append((*above, key))
        text += draw(BLANKS)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text, paths


def comments(text):
    return sorted(line.strip() for line in text.splitlines() if line.strip().startswith("#"))


NEW = st.sampled_from(
    [("data", "new"), ("spectrum", "a"), ("cards", "star", "New.Key"), ("cards", "melibea", "x"), ("lightcurve", "k")]
)


@settings(max_examples=250, deadline=None)
@given(documents(), st.data())
def test_a_change_is_of_that_key_alone(document, data):
    text, paths = document
    tomllib.loads(text)  # the generator makes TOML
    path = data.draw(st.sampled_from(paths) if paths and data.draw(st.booleans()) else NEW)
    value = data.draw(VALUES)
    before, after = read(text), change(text, path, value)
    name = ".".join(path)
    assert {**before, name: value} == read(after)
    assert repr(read(after)[name]) == repr(value)
    assert [c for c in comments(after) if c not in comments(text)] == []
    lines = list(difflib.ndiff(text.splitlines(), after.splitlines()))
    gone = [line[2:] for line in lines if line.startswith("- ")]
    if name not in before:
        assert gone == []
    # what went was the value, with the comments that stood inside of it; the comment behind it stays
    kept = [line for line in gone if line.rstrip().endswith("# deg")]
    assert all(any(each.endswith("# deg") for each in after.splitlines()) for _ in kept)
    assert change(after, path, value) == after


@settings(max_examples=100, deadline=None)
@given(documents(), st.data())
def test_what_was_set_can_be_taken_out_again_and_all_is_as_before(document, data):
    text, _ = document
    path = data.draw(NEW)
    before = read(text)
    if ".".join(path) in before:
        return
    after = remove(change(text, path, 7), path)
    assert read(after) == before
    assert comments(after) == comments(text)


CRAB = """# The Crab

[source]
name = "CrabNebula"
ra = 83.6333          # deg, ICRS

[data]
zenith = [5, 35]      # deg

# what the next one is about
[cards.star]
# as in the paper
"MJStar.MImgCleanStd.CleanLevel1" = 6   # phe
MJStar.MImgCleanStd.CleanLevel2 = 3.5

# the fit
[spectrum]
model = "log-parabola"
"""


CLEAN = ("cards", "star", "MJStar.MImgCleanStd.CleanLevel1")


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("data", "zenith"), [5, 50], "zenith = [5, 35]      # deg", "zenith = [5, 50]      # deg"),
        (("source", "ra"), 83.0, "ra = 83.6333          # deg, ICRS", "ra = 83.0          # deg, ICRS"),
        (CLEAN, 7, 'CleanLevel1" = 6   # phe', 'CleanLevel1" = 7   # phe'),
        (("cards", "star", "MJStar.MImgCleanStd.CleanLevel2"), 4, "CleanLevel2 = 3.5", "CleanLevel2 = 4"),
    ],
)  # fmt: skip
def test_one_line_is_another_one(path, value, old, new):
    assert change(CRAB, path, value) == CRAB.replace(old, new)


def test_a_new_key_stands_behind_those_of_its_table_and_not_behind_the_comment_of_the_next():
    after = change(CRAB, ("cards", "star", "MJStar.UseAddNoise"), True)
    old = "MJStar.MImgCleanStd.CleanLevel2 = 3.5\n"
    assert after == CRAB.replace(old, old + '"MJStar.UseAddNoise" = true\n')


def test_the_ends_of_lines_stay_as_they_are():
    after = change(CRAB.replace("\n", "\r\n"), ("cards", "coach", "RF.NumTrees"), 50)
    assert after == CRAB.replace("\n", "\r\n") + '\r\n[cards.coach]\r\n"RF.NumTrees" = 50\r\n'


@pytest.mark.parametrize(
    "text",
    [
        "cards = { star = { A = 1 } }\n",
        "[cards]\nstar.A = 1\n",
        "cards.star.A = 1\n[data]\n",
        "[cards]\nstar = {A = 1}\n",
    ],
)
def test_tables_in_one_line_and_dotted_keys_can_be_changed_and_added_to(text):
    for key in ("A", "B.C"):
        wanted = {**read(text), f"cards.star.{key}": 2}
        assert read(change(text, ("cards", "star", key), 2)) == wanted
    assert "cards.star.A" not in read(remove(text, ("cards", "star", "A")))


def test_a_key_in_an_array_of_tables_is_not_guessed_at():
    with pytest.raises(UserError, match="cannot be set"):
        change("[[data]]\na = 1\n", ("data", "a"), 2)


def test_what_is_not_set_cannot_be_taken_out():
    with pytest.raises(UserError, match=r"data\.azimuth is not set"):
        remove(CRAB, ("data", "azimuth"))
