"""Texts, pictures, bytes and folders that differ in one known place."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.image import imsave

from automagic.diff import CONTENT, DIFFERS, IDENTICAL, compare
from automagic.diff import text as text_reader
from automagic.errors import UserError

CARD = "MJStar.Level: 6\nMJStar.Wobble: 1\nMJStar.Cuts: yes\n"


@pytest.fixture
def pair(tmp_path):
    def make(a, b, name="x.rc"):
        paths = tmp_path / "a" / name, tmp_path / "b" / name
        for path, content in zip(paths, (a, b), strict=True):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return paths

    return make


def test_lines_that_differ_are_more_or_are_missing(pair):
    report = compare(*pair(CARD, CARD.replace("Wobble: 1", "Wobble: 0")))
    assert (report.verdict, report.kind) == (DIFFERS, "text")
    assert report.lines == ["line 2: 'MJStar.Wobble: 1' in A, 'MJStar.Wobble: 0' in B"]
    assert compare(*pair(CARD, "# new\n" + CARD)).lines == ["line 1 only in B: '# new'"]
    lines = compare(*pair("a\nb\nc\nd\n", "a\nd\ne\nf\n")).lines
    assert lines == ["lines 2 to 3 only in A: 'b' …", "lines 3 to 4 only in B: 'e' …"]
    assert compare(*pair(CARD, CARD.replace("\n", "\r\n"))).lines == ["only the ends of lines differ"]


def test_lines_are_counted_as_editors_do(pair):
    for odd in ("\f", "\u2028", "\x85"):
        assert compare(*pair(f"a{odd}b\nc\n", f"a{odd}b\nd\n")).lines == ["line 2: 'c' in A, 'd' in B"]


def test_a_log_that_is_not_utf8_is_a_text(pair):
    report = compare(*pair(b"J\xf6rg\n1\n", b"J\xf6rg\n2\n", "star.log"))
    assert (report.kind, report.damaged, report.lines) == ("text", [], ["line 2: '1' in A, '2' in B"])


def test_a_text_that_begins_like_a_root_file(pair):
    assert compare(*pair("root = 1\n", "root = 2\n", "x")).lines == ["line 1: 'root = 1' in A, 'root = 2' in B"]


def test_a_fault_of_a_reader_ends_in_bytes(pair, monkeypatch):
    def fail(a, b, found):
        raise ValueError("of its own")

    monkeypatch.setattr(text_reader, "differences", fail)
    report = compare(*pair("a", "b"))
    assert report.verdict == DIFFERS
    assert report.lines[0] == "comparing them as text broke off (ValueError: of its own), which is a fault of automagic"
    assert report.lines[1] == "byte 0: 61 in A, 62 in B"


def test_limit_and_how_many_more(pair):
    a, b = pair("\n".join(map(str, range(50))), "\n".join(f"{i}." for i in range(50)))
    report = compare(a, b, limit=3)
    assert len(report.lines) == 4
    assert report.lines[0] == "line 1: '0' in A, '0.' in B"
    assert report.lines[-1] == "and 47 more"
    assert (report.data()["found"], len(report.data()["findings"])) == (50, 3)


def test_long_lines_are_cut_to_where_they_differ(pair):
    (line,) = compare(*pair("x" * 5000 + "1" + "y" * 5000, "x" * 5000 + "2" + "y" * 5000)).lines
    assert len(line) < 250
    assert "xxx1yyy" in line
    assert "xxx2yyy" in line


@pytest.mark.parametrize(("limit", "value"), [("LARGE", 10), ("FAR", 2)])
def test_large_texts_name_the_same_line(pair, monkeypatch, limit, value):
    monkeypatch.setattr(text_reader, limit, value)
    a = [str(i) for i in range(1000)]
    b = [*a[:700], "other", *a[701:]]
    lines = compare(*pair("\n".join(a), "\n".join(b))).lines
    assert lines == ["line 701: '700' in A, 'other' in B"]


def test_json_and_toml_that_say_the_same(pair):
    a, b = pair('{"a": 1, "b": [1, 2]}', '{"b": [1,\n2], "a": 1}', "x.json")
    report = compare(a, b)
    assert (report.verdict, report.kind) == (CONTENT, "JSON")
    assert compare(*pair("a = 1\nb = 2", "b = 2 # two\na = 1", "x.toml")).verdict == CONTENT
    assert compare(*pair('{"a": 1}', '{"a": 1.0}', "x.json")).verdict == DIFFERS
    assert compare(*pair('{"a": 1, "a": 2}', '{"a": 2}', "x.json")).verdict == DIFFERS
    assert compare(*pair('{"a": 1', '{"a": 2}', "x.json")).lines == ["""line 1: '{"a": 1' in A, '{"a": 2}' in B"""]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lines=st.lists(st.text("abc ", max_size=5), min_size=1, max_size=30), data=st.data())
def test_one_changed_line_is_named(pair, lines, data):
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = [*lines[:at], "changed", *lines[at + 1 :]]
    report = compare(*pair("\n".join(lines) + "\n", "\n".join(changed) + "\n"))
    assert report.lines == [f"line {at + 1}: {lines[at]!r} in A, 'changed' in B"]


def test_pixels_and_sizes(tmp_path):
    picture = np.zeros((20, 30, 3), "u1")
    imsave(tmp_path / "a.png", picture)
    picture[4, 7] = 255, 0, 0
    imsave(tmp_path / "b.png", picture)
    report = compare(tmp_path / "a.png", tmp_path / "b.png")
    assert report.kind == "PNG"
    expected = (
        "1 of 600 pixels (30 × 20) differ, the first in column 7, row 4: [0, 0, 0, 255] in A, [255, 0, 0, 255] in B"
    )
    assert report.lines == [expected]
    imsave(tmp_path / "c.png", picture[:10])
    lines = compare(tmp_path / "b.png", tmp_path / "c.png").lines
    assert lines == ["size: 30 × 20 pixels in A, 30 × 10 pixels in B"]
    imsave(tmp_path / "d.png", picture, metadata={"Software": "another"})
    assert compare(tmp_path / "b.png", tmp_path / "d.png").verdict == CONTENT
    (tmp_path / "e.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    assert "e.png cannot be read as PNG: " in compare(tmp_path / "a.png", tmp_path / "e.png").lines[0]


def test_bytes(pair):
    report = compare(*pair(b"\0\1\2\3", b"\0\1\5\3\4", "x.dat"))
    assert report.kind == "bytes"
    assert report.lines == ["byte 2: 02 03 in A, 05 03 04 in B", "length: 4 bytes in A, 5 bytes in B"]
    lines = compare(*pair(bytes(10), bytes(12), "x.dat")).lines
    assert lines == ["length: 10 bytes in A, 12 bytes in B (the same up to the end of the shorter one)"]
    large = bytearray(9 << 20)
    large[8 << 20] = 1
    assert compare(*pair(bytes(9 << 20), bytes(large), "x.dat")).lines[0].startswith(f"byte {8 << 20}: 00")


def test_two_kinds_are_named(pair):
    a, b = pair(b"root\0\0", "text\n", "x")
    assert compare(a, b).lines[0] == "A is a ROOT file, B is a text file"
    assert compare(a, b).verdict == DIFFERS


def test_empty_files_and_a_file_with_itself(pair):
    a, b = pair("", "")
    assert compare(a, b).verdict == IDENTICAL
    assert compare(a, a).verdict == IDENTICAL
    a, b = pair("", "x\n")
    assert compare(a, b).lines == ["line 1 only in B: 'x'"]


def test_folders(tmp_path):
    for side in "ab":
        folder = tmp_path / side / "below"
        folder.mkdir(parents=True)
        (folder / "card.rc").write_text(CARD)
        (folder / "x.json").write_text('{"a": 1}')
    a, b = tmp_path / "a", tmp_path / "b"
    assert (compare(a, b).verdict, compare(a, b).kind) == (IDENTICAL, "folder")
    (b / "below/x.json").write_text('{ "a": 1 }')
    report = compare(a, b)
    assert report.verdict == CONTENT
    assert report.lines == ["below/x.json: only spaces, line ends or the order of keys differ"]
    (b / "below/card.rc").write_text(CARD.replace("6", "7"))
    (a / "only").write_text("")
    report = compare(a, b)
    assert report.verdict == DIFFERS
    changed = "below/card.rc: line 1: 'MJStar.Level: 6' in A, 'MJStar.Level: 7' in B"
    assert report.lines == ["only in A: only", changed]
    assert report.data()["files"]["below/card.rc"]["verdict"] == DIFFERS


def test_links_in_folders(tmp_path):
    for side in "ab":
        (tmp_path / side).mkdir()
        (tmp_path / side / "circle").symlink_to(".")
        (tmp_path / side / "broken").symlink_to("nowhere" if side == "a" else "elsewhere")
    (line,) = compare(tmp_path / "a", tmp_path / "b").lines
    assert line == (
        "broken: 'a link to nowhere, which is not there' in A, 'a link to elsewhere, which is not there' in B"
    )


def test_what_is_not_there_or_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("x")
    with pytest.raises(UserError, match="no such file"):
        compare(tmp_path / "a", tmp_path / "missing")
    with pytest.raises(UserError, match="is a folder and"):
        compare(tmp_path / "a", tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="neither a file nor a folder"):
        compare(tmp_path / "a", tmp_path / "pipe")
    (tmp_path / "b").write_text("y")

    def refuse(path, *args, **kwargs):  # root may read everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match=r"a: cannot be read: Permission denied"):
        compare(tmp_path / "a", tmp_path / "b")
