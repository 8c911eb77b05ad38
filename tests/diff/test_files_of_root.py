"""Files that ROOT itself has written: kinds of branches and of objects that uproot does not write."""

from pathlib import Path

import numpy as np
import pytest

from automagic.diff import CONTENT, DIFFERS, compare, root

DATA = Path(__file__).parent / "data"
LINES = """\
Events, fUserInfo, element 0, fTitle: 'A' in A, 'B' in B
Events, branch number, entry 17: 17.0 in A, 18.0 in B; the only one of 30 that differs, by 1 (5.56 %)
Events, branch large, entry 17: 9223372036854775825 in A, 9223372036854775826 in B; the only one of 30 that differs, by
Events, branch text, entry 17: 't17' in A, 'other' in B; the only one of 30 that differs
Events, branch pixels, entry 17, element 2: 19.0 in A, 20.0 in B; the only one of 30 that differs, by at most 1 (5 %)
Events, branch fixed, entry 17, element 2, element 1: 85.0 in A, 86.0 in B; the only one of 30 that differs, by at most
Events, branch leaves, entry 17, m: 17 in A, 18 in B; the only one of 30 that differs
Events, branch word, entry 17: 'w17' in A, 'other' in B; the only one of 30 that differs
Events, branch numbers, entry 17, element 2: 17.0 in A, 18.0 in B; the only one of 30 that differs, by at most 1
Events, branch words, entry 17, element 0: 'v' in A, 'other' in B; the only one of 30 that differs
Events, branch map.second, entry 17, element 1: 17 in A, 18 in B; the only one of 30 that differs, by at most 1
Events, branch whole, entry 17, fE: 3.0 in A, 4.0 in B; the only one of 30 that differs, by at most 1 (25 %)
Events, branch many.fE, entry 17, element 0: 3.0 in A, 4.0 in B; the only one of 30 that differs, by at most 1 (25 %)
Events, branch split.fTitle, entry 17: 'title' in A, 'other' in B; the only one of 30 that differs
labels, fXaxis, fLabels, element 1: 'beta' in A, 'gamma' in B
map, bin 2 (1 to 2), bin 3 (2 to 3): 1.0 in A, 9.0 in B; 1 of 30 bins differ
graph, fY, element 1: 1.0 in A, 5.0 in B
named, fTitle: 'A' in A, 'B' in B
vector, fElements, element 1: 1.0 in A, 4.0 in B
list, element 1, fTitle: 'A' in A, 'B' in B
efficiency (TEfficiency): its uncompressed bytes differ from byte 583 on (1342 and 1342)
Events, aliases: {'twice': 'number * 2'} in A, {'twice': 'number * 3'} in B
number, fVal: 1.5 in A, 2.5 in B
""".splitlines()


def test_each_place_is_named_and_no_other():
    report = compare(DATA / "first.root", DATA / "other.root", limit=100)
    assert (report.verdict, report.damaged) == (DIFFERS, [])
    assert len(report.lines) == len(LINES)
    for line, expected in zip(report.lines, LINES, strict=True):
        assert line.startswith(expected)


@pytest.mark.parametrize("shortcut", [True, False])
def test_what_is_written_later_is_identical_in_content(monkeypatch, shortcut):
    if not shortcut:  # every object is read
        monkeypatch.setattr(root, "only_stamps", lambda a, b: False)
    assert compare(DATA / "first.root", DATA / "later.root").verdict == CONTENT


def test_random_damage_is_told_without_surprise(tmp_path):
    data, numbers, path = (DATA / "first.root").read_bytes(), np.random.default_rng(1), tmp_path / "damaged.root"
    for _ in range(60):
        damaged = bytearray(data)
        for at in numbers.integers(0, numbers.choice([300, len(data)]), numbers.integers(1, 15)):
            damaged[at] = numbers.choice([0, 1, 127, 128, 255])
        path.write_bytes(damaged)
        assert not any("broke off" in line for line in compare(DATA / "first.root", path, limit=1000).lines)


def test_a_head_with_no_known_compression(tmp_path):
    data = bytearray((DATA / "first.root").read_bytes())
    assert data[33:37] == (109).to_bytes(4, "big")
    data[33:37] = (-1).to_bytes(4, "big", signed=True)
    path = tmp_path / "x.root"
    path.write_bytes(data)
    report = compare(DATA / "first.root", path)
    assert (report.verdict, report.lines) == (CONTENT, ["compressed otherwise: ZLIB(9) in A, code -1 in B"])
