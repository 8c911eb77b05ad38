"""The store and the names for people on file systems that say one thing and do another."""

import errno
import os
from pathlib import Path

import pytest

from automagic.bookkeeping import Folder, HashCache, Store
from automagic.bookkeeping import store as store_module
from automagic.bookkeeping.store import NO_ANSWER, read_receipt, set_link
from automagic.errors import UserError
from automagic.job import publish

RECEIPT = '{"state": "done", "attempt": "1", "outputs": [{"name": "a", "size": 1, "sha256": "x"}]}'


@pytest.fixture
def store(tmp_path):
    """A store with an action ``ab12``."""
    store = Store(Folder(tmp_path), HashCache(None, tmp_path))
    place = store.folder.action("ab12")
    place.mkdir(parents=True)
    (place / "receipt.json").write_text(RECEIPT)
    (place / "a").write_text("1")
    return store


@pytest.fixture
def renames(monkeypatch):
    """Let the next rename work, or not, and end with an error."""

    def make(number, work):
        told, rename = [number], os.rename

        def once(source, target):
            number = told.pop() if told else 0
            if work or not number:
                rename(source, target)
            if number:
                raise OSError(number, os.strerror(number))

        monkeypatch.setattr(publish.os, "rename", once)

    return make


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
@pytest.mark.parametrize("work", [True, False])
def test_a_link_is_set_whatever_the_server_says_once(tmp_path, renames, number, work):
    link = tmp_path / "products" / "a"
    for target in ("one", "two"):
        renames(number, work)
        set_link(link, tmp_path / "store" / target)
        assert os.readlink(link) == f"../store/{target}"
    assert [path.name for path in link.parent.iterdir()] == ["a"]


def test_a_link_whose_making_was_told_as_an_error_is_set(tmp_path, monkeypatch):
    symlink = Path.symlink_to

    def twice(self, target):
        symlink(self, target)
        raise FileExistsError(errno.EEXIST, "sent twice")

    monkeypatch.setattr(Path, "symlink_to", twice)
    set_link(tmp_path / "a", tmp_path / "b")
    assert os.readlink(tmp_path / "a") == "b"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
@pytest.mark.parametrize("work", [True, False])
def test_a_damaged_action_is_taken_out_whatever_the_server_says_once(store, renames, number, work):
    renames(number, work)
    store.discard("ab12")
    assert not store.folder.action("ab12").exists()
    assert list(store.folder.work.iterdir()) == []


def test_a_damaged_action_that_is_away_already_is_no_error(store, monkeypatch):
    place, rename = store.folder.action("ab12"), os.rename

    def away(source, target):
        rename(place, store.folder.root / "elsewhere")
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(publish.os, "rename", away)
    store.discard("ab12")
    assert not place.exists()


def test_a_damaged_action_that_stays_is_an_error(store, monkeypatch):
    def never(source, target):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(publish.os, "rename", never)
    with pytest.raises(OSError, match="Stale"):
        store.discard("ab12")
    assert store.folder.action("ab12").exists()


@pytest.mark.parametrize("number", NO_ANSWER)
def test_a_file_system_in_trouble_is_not_taken_for_a_lost_product(store, monkeypatch, number):
    """Else it would be discarded, and made again."""

    def trouble(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store.hashes, "sha256", trouble)
    with pytest.raises(UserError, match="cannot be looked at"):
        store.intact("ab12")
    monkeypatch.setattr(store_module, "open", trouble, raising=False)
    with pytest.raises(UserError, match=r"receipt.json cannot be looked at"):
        read_receipt(store.folder.action("ab12"))


def test_a_receipt_that_was_replaced_while_it_was_read_is_read_again(store, monkeypatch):
    read, told = Path.read_text, [errno.ESTALE]

    def once(self, **more):
        if told:
            raise OSError(told.pop(), "Stale file handle")
        return read(self, **more)

    monkeypatch.setattr(Path, "read_text", once)
    assert read_receipt(store.folder.action("ab12"))["attempt"] == "1"


def test_what_is_not_there_is_no_trouble(store):
    (store.folder.action("ab12") / "a").unlink()
    assert store.intact("ab12") == (None, "its output a is gone")
    assert read_receipt(store.folder.action("ffff")) is None
    assert read_receipt(store.folder.action("ab12") / "receipt.json") is None
