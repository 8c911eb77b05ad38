"""What the doctor says of a pool, on ones that are made up to be ill."""

from types import SimpleNamespace

import pytest

from automagic.analysis.condor import Condor
from automagic.doctor import pool

NOW = 1_000_000.0
SLOT = {
    "Name": "slot1@a", "TotalSlotCpus": 8, "TotalSlotMemory": 24000, "FileSystemDomain": "site.org", "HasSIF": True,
    "SingularityVersion": "apptainer version 1.4.5",
}  # fmt: skip
SCHEDD = {"Name": "schedd@a", "LastHeardFrom": NOW - 60, "MyCurrentTime": NOW - 60}


class Ping(dict):
    pass


class Trouble(Exception):
    pass


class Pool:
    """A pool as ``htcondor2`` shows it."""

    HTCondorException = Trouble
    AdType = SimpleNamespace(Startd="slots", Schedd="schedds")
    DaemonType = SimpleNamespace(Schedd="schedd")

    def __init__(self, slots=(SLOT,), schedds=(SCHEDD,), answers=True, who="me@site.org", domain="site.org"):
        self.slots, self.schedds, self.answers, self.who = slots, schedds, answers, who
        self.param = {"FILESYSTEM_DOMAIN": domain}

    def Collector(self, address=None):
        return self

    def Schedd(self, place):
        return self

    def locate(self, kind, name=None):
        found = [each for each in self.schedds if name in (None, each["Name"])]
        return found[0] if found else None

    def locateAll(self, kind):
        return list(self.schedds)

    def query(self, what, *more):
        if not self.answers:
            raise Trouble("Failed communication")
        return {"slots": self.slots, "schedds": self.schedds}.get(what, [])

    def ping(self, place, right):
        assert right == "WRITE"
        return Ping(MyRemoteUserName=self.who, AuthorizationSucceeded=bool(self.who))


@pytest.fixture
def look(monkeypatch):
    """Return marks by name for a made-up pool."""

    def run(settings=None, **about):
        made = Pool(**about)
        monkeypatch.setattr(pool.importlib, "import_module", lambda name: made)
        monkeypatch.setattr(pool.os, "getuid", lambda: 1000)
        monkeypatch.setattr(pool.time, "time", lambda: NOW)
        return {check.name: check for check in pool.pool_checks(settings or Condor())}

    return run


def wrong(found):
    return sorted(name for name, check in found.items() if check.good is False)


def test_a_pool_in_which_nothing_is_wrong(look):
    found = look()
    assert {check.good for check in found.values()} == {True}
    assert found["pool"].found == "1 slot with 8 cores, the largest with 24000 MB of memory"
    assert "me@site.org" in found["submit"].found


def test_schedd_and_collector(look):
    assert wrong(look(schedds=())) == ["schedd"]
    assert wrong(look(Condor(schedd="nix"))) == ["schedd"]
    assert wrong(look(answers=False)) == ["pool", "schedd"]
    two = look(Condor(collector="c.site.org"), schedds=(SCHEDD, SCHEDD | {"Name": "b"}))
    assert wrong(two) == ["schedd"]
    assert "name one" in two["schedd"].found
    assert wrong(look(Condor(collector="c.site.org", schedd="b"), schedds=(SCHEDD, SCHEDD | {"Name": "b"}))) == []
    assert wrong(look(slots=())) == ["pool"]


@pytest.mark.parametrize("who", ["", "unauthenticated@unmapped"])
def test_a_person_who_may_not_submit(look, who):
    assert wrong(look(who=who)) == ["submit"]


def test_root_may_not_submit(look, monkeypatch):
    monkeypatch.setattr(pool.os, "getuid", lambda: 0)
    assert pool.submission(Pool(), SCHEDD).good is False


def test_more_memory_than_any_slot_has(look):
    assert wrong(look(Condor(memory_max_mb=24001))) == ["memory"]
    large = SLOT | {"TotalSlotMemory": 99000}
    assert wrong(look(Condor(memory_max_mb=24001), slots=(SLOT, large))) == []


def test_nodes_of_another_domain_share_no_files(look):
    other = SLOT | {"FileSystemDomain": "other.org"}
    assert wrong(look(slots=(other,))) == ["file system domain"]
    some = look(slots=(other, SLOT))["file system domain"]
    assert (some.good, "1 of 2" in some.found) == (None, True)
    assert "file system domain" not in look(Condor(shared_files=False), slots=(other,))
    assert look(domain="SITE.org")["file system domain"].good is True


def test_nodes_without_apptainer(look):
    bare = {key: SLOT[key] for key in SLOT if key not in ("HasSIF", "SingularityVersion")}
    found = look(slots=(bare, SLOT, SLOT))["Apptainer on nodes"]
    assert (found.good, "2 of 3" in found.found) == (None, True)


@pytest.mark.parametrize(
    ("heard", "told", "good"),
    [(-60, -60, True), (3, 3, True), (100, 100, False), (-4000, -4000, False), (-60, -500, False)],
)
def test_clocks_that_differ(look, heard, told, good):
    schedd = SCHEDD | {"LastHeardFrom": NOW + heard, "MyCurrentTime": NOW + told}
    assert look(schedds=(schedd,))["clock of the pool"].good is good
