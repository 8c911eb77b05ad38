"""A sample of tasks is run again in place: what comes out otherwise is recorded, and nothing else changes."""

import hashlib
from unittest import mock

import pytest

from automagic.archive import reexecute as module
from automagic.archive.reexecute import reexecute
from automagic.bookkeeping import catalog, hold
from automagic.errors import UserError
from tests.archive.toy import Toy


def again(own, share=1.0, seed=0):
    """Run a sample again."""
    with mock.patch.object(module, "open_session", side_effect=lambda root: own.session()):
        return reexecute(own.root, share, seed)


def content(own):
    """Return the hashes of all that is in the store."""
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in own.root.glob("store/*/*/*")}


def test_all_the_same(toy):
    before = content(toy)
    found = again(toy)
    assert (found.tasks, found.of) == (5, 5)
    assert found.wrong == []
    assert len(found.rows) == 6
    assert content(toy) == before
    assert not (toy.root / "work").exists()


def test_a_sample_is_chosen_by_its_seed(toy):
    names = {seed: tuple(row["task"] for row in again(toy, 0.2, seed).rows) for seed in (1, 1, 2, 3, 4)}
    assert len(names[1]) >= 1
    assert len(set(names.values())) > 1


def test_what_chance_makes_is_recorded(tmp_path):
    own = Toy(tmp_path / "own", superstar="Chance: 1\n")
    assert own.run() == 0
    before = content(own)
    found = again(own)
    # what comes after it reads what it read then, and is the same
    assert {(row["task"], row["name"]) for row in found.wrong} == {
        ("superstar:1", "u.txt"),
        ("superstar:1", "hidden.txt"),
    }
    assert content(own) == before
    with catalog.connect(own.session().folder) as connection:
        sql = "SELECT task, product, sha256, again, report FROM nondeterminism ORDER BY product"
        rows = connection.execute(sql).fetchall()
        done = connection.execute("SELECT count(*) FROM tasks WHERE state = 'done'").fetchone()[0]
    assert [row[:2] for row in rows] == [("superstar:1", "hidden.txt"), ("superstar:1", "u.txt")]
    assert all(row[2] in before.values() and row[3] not in before.values() and row[4] for row in rows)
    assert done == 5


def test_not_beside_a_driver(toy):
    with hold(toy.session().folder), pytest.raises(UserError):
        again(toy)


def test_nothing_to_run_again(tmp_path):
    with pytest.raises(UserError, match="no task that is up to date"):
        again(Toy(tmp_path / "own"))
