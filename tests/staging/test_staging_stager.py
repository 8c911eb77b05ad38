"""Bringing files with a server that misbehaves: what comes is right, or the reason is."""

import errno
import gzip
import hashlib
import os
import select
import time

import pytest

from automagic.graph.task import Source
from automagic.staging.cache import Cache
from automagic.staging.remote import Remote
from automagic.staging.settings import Pauses, Settings
from automagic.staging.stager import Stager
from automagic.staging.survey import survey

QUICK = {"retry": Pauses(0.005, 0.02), "look": Pauses(0.01, 0.03), "parallel": 2, "timeout_s": 10.0}
NAMES = ("/Crab/a.raw", "/Crab/b.raw", "/Mrk421/c+1.raw")


class Bench:
    """A stager on the storage of a server, and what it told."""

    def __init__(self, folder, server, **settings):
        self.folder, self.server = folder, server
        self.settings = Settings(folder, **{**QUICK, **settings})
        self.stager = Stager(self.settings)
        self.told = []

    def source(self, path, **about):
        return Source(self.server.url(path=path), path.rpartition("/")[2], **about)

    def sources(self, *paths, **about):
        return [self.source(path, **about) for path in paths or NAMES]

    def listen(self, kind, number=1, limit_s=20.0):
        end = time.monotonic() + limit_s
        while sum(event.kind == kind for event in self.told) < number:
            select.select([self.stager.descriptor], [], [], 0.5)
            self.told += self.stager.events()
            assert time.monotonic() < end, self.told
        return [event for event in self.told if event.kind == kind]

    def bring(self, *paths, **about):
        """Bring files; return the event that ends it."""
        self.stager.demand("it", self.sources(*paths, **about))
        end = time.monotonic() + 20
        while not any(event.kind in ("here", "failed") for event in self.told):
            select.select([self.stager.descriptor], [], [], 0.5)
            self.told += self.stager.events()
            assert time.monotonic() < end, self.told
        return next(event for event in self.told if event.kind in ("here", "failed"))

    def path(self, path):
        return self.stager.cache.place(self.source(path)).file


@pytest.fixture
def bench(tmp_path, server):
    made = []

    def make(**settings):
        made.append(Bench(tmp_path / "cache", server, **settings))
        return made[-1]

    yield make
    for each in made:
        each.stager.close()


def transfers(server, name):
    return [headers for method, path, headers in server.requests
            if method == "GET" and path.endswith(name) and headers.get("HTTP_RANGE") != "bytes=0-0"]  # fmt: skip


def test_files_come_whole_with_their_hash(bench, server):
    made = bench()
    event = made.bring()
    for about, path in zip(event.files, NAMES, strict=True):
        content = (server.folder / path.lstrip("/")).read_bytes()
        assert made.path(path).read_bytes() == content
        assert about.sha256 == hashlib.sha256(content).hexdigest()
        assert about.size == len(content)


@pytest.mark.parametrize("answer", [
    ("202 Accepted", [("Retry-After", "0")]),
    ("409 Conflict", []),
    ("423 Locked", []),
    ("503 Service Unavailable", [("Retry-After", "0")]),
    ("200 OK", [("Content-Type", "text/html; charset=utf-8")]),
    None,
])  # fmt: skip
def test_on_tape_later_is_waited_for(bench, server, answer):
    server.answer = answer
    server.later["a.raw"] = 4
    made = bench()
    assert made.bring("/Crab/a.raw").kind == "here"
    assert server.later["a.raw"] == 0
    if answer is not None:
        assert any(event.kind == "waiting" for event in made.told)


def test_storage_that_says_how_long_to_wait_is_not_asked_before(bench, server):
    server.answer = ("202 Accepted", [("Retry-After", "3600")])
    server.later["a.raw"] = 2
    made = bench()
    made.stager.demand("it", made.sources("/Crab/a.raw"))
    (event,) = made.listen("waiting")
    assert 3590 < event.next_s <= 3600
    time.sleep(0.1)
    assert len(server.requests) == 1
    assert made.stager.events() == []


def test_waiting_does_not_poll(bench, server):
    """Looks are as far apart as the settings say, a question a folder, however many files wait."""
    server.dcache, server.locked = True, {"a.raw", "b.raw"}
    made = bench(look=Pauses(0.15, 10.0, 2.0), command=("/bin/true", "{list}"))
    made.stager.demand("it", made.sources("/Crab/a.raw", "/Crab/b.raw", place="tape", size=1))
    made.listen("waiting", 3)
    looks = sum(method == "PROPFIND" for method, _, _ in server.requests)
    assert looks == 2
    pauses = [event.next_s for event in made.told if event.kind == "waiting"]
    assert pauses == sorted(pauses)
    assert not transfers(server, ".raw")


def test_a_file_that_stays_on_tape_fails_in_the_end(bench, server):
    server.locked = {"a.raw"}
    made = bench(patience_h=0.05 / 3600)
    event = made.bring("/Crab/a.raw")
    assert event.kind == "failed"
    assert "still on tape after" in event.reason


def test_a_broken_transfer_goes_on_where_it_broke(bench, server):
    server.breaks["a.raw"] = 3
    bench().bring("/Crab/a.raw")
    starts = [int(h.get("HTTP_RANGE", "bytes=0-").removeprefix("bytes=").partition("-")[0])
              for h in transfers(server, "a.raw")]  # fmt: skip
    assert starts == [0, 50_000, 75_000, 87_500]


@pytest.mark.parametrize("lacking", ["ranges", "validators"])
def test_without_ranges_or_anything_that_tells_versions_apart_it_begins_anew(bench, server, lacking):
    setattr(server, lacking, False)
    server.breaks["a.raw"] = 2
    made = bench()
    assert made.bring("/Crab/a.raw").kind == "here"
    content = (server.folder / "Crab/a.raw").read_bytes()
    assert made.path("/Crab/a.raw").read_bytes() == content


def test_a_file_that_changes_between_two_tries_is_not_mixed(bench, server, until):
    server.hold.clear()
    made = bench()
    made.stager.demand("it", made.sources("/Crab/a.raw"))
    part = made.stager.cache.place(made.source("/Crab/a.raw")).part
    until(lambda: part.exists() and part.stat().st_size >= 4096)
    made.stager.close()
    (server.folder / "Crab/a.raw").write_bytes(b"n" * 100_000)
    server.hold.set()
    again = bench()
    again.bring("/Crab/a.raw")
    assert again.path("/Crab/a.raw").read_bytes() == b"n" * 100_000


@pytest.mark.parametrize("digest", ["md5", "adler32"])
def test_a_wrong_byte_is_found_by_the_checksum_and_the_file_comes_again(bench, server, digest):
    server.digest, server.wrong["a.raw"] = digest, 1
    made = bench()
    assert made.bring("/Crab/a.raw").kind == "here"
    assert len(transfers(server, "a.raw")) == 2
    assert made.path("/Crab/a.raw").read_bytes() == (server.folder / "Crab/a.raw").read_bytes()


def test_a_wrong_byte_every_time_is_given_up(bench, server):
    server.digest, server.wrong["a.raw"] = "md5", 99
    event = bench().bring("/Crab/a.raw")
    assert event.kind == "failed"
    assert "came damaged: its md5 is" in event.reason
    assert len(transfers(server, "a.raw")) == 3


def test_a_checksum_of_the_listing_counts(bench):
    event = bench().bring("/Crab/a.raw", checksum="md5:" + "0" * 32)
    assert event.kind == "failed"
    assert "storage says " + "0" * 32 in event.reason


def test_without_a_checksum_the_kind_of_file_tells_what_it_can(bench, server):
    """A packed file has a checksum of its own; a ROOT file must be whole. (Others are checked by size alone.)"""
    (server.folder / "Crab/x.fits.gz").write_bytes(gzip.compress(b"SIMPLE" * 3000, mtime=0))
    server.wrong["x.fits.gz"] = 1
    made = bench()
    assert made.bring("/Crab/x.fits.gz").kind == "here"
    assert len(transfers(server, "x.fits.gz")) == 2
    (server.folder / "Crab/y_Y_Crab.root").write_bytes(b"root" + bytes(500))
    made.told.clear()
    event = made.bring("/Crab/y_Y_Crab.root")
    assert "no whole ROOT file" in event.reason


@pytest.mark.parametrize("lie", [-1000, +1000])
def test_a_size_that_is_not_so_is_never_taken(bench, server, lie):
    """Storage lists one size and sends another, or promises more than it sends."""
    server.lies["a.raw"] = lie
    event = bench(tries=3).bring("/Crab/a.raw", size=100_000)
    assert event.kind == "failed"
    assert f"lists it with 100000 bytes and sends {100_000 + lie}" in event.reason


def test_a_promise_of_more_than_comes_is_no_whole_file(bench, server):
    server.lies["a.raw"], server.ranges = 1000, False
    event = bench(tries=2, timeout_s=0.2).bring("/Crab/a.raw")
    assert event.kind == "failed"
    assert not list(bench().folder.glob("files/*/*/a.raw"))


def test_a_server_that_is_down_for_a_while_is_outlasted(bench, server, until):
    server.stop()
    made = bench(tries=10_000)
    made.stager.demand("it", made.sources())
    until(lambda: all(file.tries >= 3 for file in made.stager._files.values()))
    server.start()
    assert len(made.listen("here")[0].files) == 3


def test_a_server_that_stays_away_is_given_up_in_words(bench, server):
    server.stop()
    event = bench(tries=3).bring("/Crab/a.raw")
    assert event.kind == "failed"
    assert "storage cannot be reached, 3 times in a row" in event.reason


def test_what_is_gone_or_forbidden_is_not_tried_again(bench, server):
    event = bench().bring("/Crab/none.raw")
    assert event.kind == "failed"
    assert "not there (HTTP 404)" in event.reason
    assert len(server.requests) == 1


def test_files_on_tape_are_asked_for_through_the_tape_api_at_once(bench, server):
    server.locked = {"a.raw", "b.raw", "c+1.raw"}
    made = bench(tape_api=True)
    made.stager.announce(made.sources(place="tape"))
    assert made.bring(place="tape").kind == "here"
    assert [sorted(paths) for paths in server.staged] == [sorted(NAMES)]
    assert not server.locked


def test_a_command_that_fails_is_told_with_its_last_words(bench, server, tmp_path):
    program = tmp_path / "recall"
    program.write_text("#!/bin/sh\necho 'see https://me:secret@host/x'\necho 'no tape robot' >&2\nexit 3\n")
    program.chmod(0o755)
    made = bench(command=(str(program), "{list}"))
    event = made.bring("/Crab/a.raw", place="tape")
    assert event.kind == "failed"
    assert "ended with code 3 and said: no tape robot" in event.reason
    made.told.clear()
    assert made.bring("/Crab/b.raw").kind == "here"  # not known to be on tape: it may not need to be asked for


def test_the_command_sees_one_word_a_word_whatever_is_in_it(bench, server, tmp_path):
    seen = tmp_path / "seen"
    program = tmp_path / "recall"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\n')
    program.chmod(0o755)
    made = bench(command=(str(program), "$(touch x); `id`", "--files={list}"))
    made.bring("/Crab/a.raw")
    words = seen.read_text().splitlines()
    assert words[0] == "$(touch x); `id`"
    assert words[1].startswith("--files=/")


def test_events_ring_the_descriptor(bench):
    made = bench()
    assert select.select([made.stager.descriptor], [], [], 0) == ([], [], [])
    made.stager.demand("it", made.sources())
    assert select.select([made.stager.descriptor], [], [], 10)[0]


def test_what_was_brought_is_shared_and_not_brought_again(bench, server, tmp_path):
    bench().bring()
    before = len(server.requests)
    event = bench().bring()
    assert event.kind == "here"
    assert len(server.requests) == before


def test_at_most_so_many_transfers_at_once(bench, server, until):
    names = [f"/{number}.bin" for number in range(8)]
    for name in names:
        (server.folder / name.lstrip("/")).write_bytes(b"x" * 10_000)
    server.hold.clear()  # each transfer stops after its first block
    made = bench(parallel=3)
    made.stager.demand("it", made.sources(*names, size=10_000))
    until(lambda: len(transfers(server, ".bin")) == 3)
    assert sum(file.state == "running" for file in made.stager._files.values()) == 3
    assert sum(file.state == "queued" for file in made.stager._files.values()) == 5
    server.hold.set()
    assert len(made.listen("here")[0].files) == 8


def test_a_file_scheme_is_brought_by_fsspec_and_gone_on_with(tmp_path, storage):
    source = Source(f"file://{storage}/Crab/a.raw", "a.raw", 100_000)
    cache = Cache(tmp_path / "cache")
    place = cache.place(source)
    place.folder.mkdir(parents=True)
    content = (storage / "Crab/a.raw").read_bytes()
    place.part.write_bytes(content[:60_000])
    place.begun.write_text(f'{{"stamp": "{1.4e9:.9f}"}}')
    stager = Stager(Settings(tmp_path / "cache", **QUICK))
    try:
        stager.demand("it", [source])
        end = time.monotonic() + 20
        events = []
        while not any(event.kind == "here" for event in events):
            select.select([stager.descriptor], [], [], 0.5)
            events += stager.events()
            assert time.monotonic() < end, events
    finally:
        stager.close()
    assert place.file.read_bytes() == content


def test_survey_tells_where_files_are(bench, server, tmp_path):
    made = bench()
    made.bring("/Crab/a.raw")
    server.dcache, server.locked = True, {"b.raw"}
    remote = Remote()
    sources = [*made.sources(), made.source("/Crab/lost.raw"), made.source("/none/x.raw")]
    found = survey(sources, made.stager.cache, remote)
    assert [(each.source.name, each.place) for each in found] == [
        ("a.raw", "here"), ("b.raw", "tape"), ("c+1.raw", "online"), ("lost.raw", "gone"), ("x.raw", "gone"),
    ]  # fmt: skip
    server.stop()
    found = survey(sources, made.stager.cache, remote)
    assert found[1].place == "unknown"
    assert "cannot be reached" in found[1].why
    remote.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_at_once_and_none_of_storages_faults(bench, monkeypatch, number):
    def full(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("automagic.staging.transfer.os.fsync", full)
    stager = bench()
    event = stager.bring("/Crab/a.raw")
    assert (event.kind, "cannot be brought here: the disk is full" in event.reason) == ("failed", True)
    assert not stager.path("/Crab/a.raw").exists()
