"""Eight users on one shared store: processes of different user numbers, with faults in the middle.

Without root they are eight analyses of one user, which says less; in CI there is root, and its lack is a failure.
"""

import json
import os
import signal
import time

import pytest

from automagic.bookkeeping.store import read_receipt
from automagic.job.spec import sha256_file
from automagic.sharing.site import ask
from bench.users import SHARDS, count, events, place

RUNS = 8
ROOT = os.getuid() == 0


def test_there_is_root_where_it_is_promised():
    assert ROOT or not os.environ.get("CI"), "tests of several users need root"


def wanted(number):
    """Return an analysis: the Monte Carlo of all, the forest of half of them, and two runs that others have too."""
    cut = number % 2
    tasks = {f"mc:{n}": {"card": f"Value: mc{n}\n", "in": ["mc.txt"]} for n in range(3)}
    tasks["coach:f"] = {"card": f"Value: forest{cut}\n", "in": list(tasks)}
    files = {"mc.txt": "mc\n"}
    for run in (number, (number + 1) % RUNS):
        files[f"r{run}.txt"] = f"run {run}\n"
        tasks[f"star:{run}"] = {"in": [f"r{run}.txt"]}
        tasks[f"melibea:{run}"] = {"in": [f"star:{run}", "coach:f"]}
    return tasks, files


DIFFERENT = 3 + 2 + RUNS + RUNS * 2
"""Actions of all users: Monte Carlo, two forests, star of each run, melibea of each run with each of the forests."""


@pytest.fixture(scope="module")
def site():
    with place(8) as made:
        made.folders = [made.make(number, "a", *wanted(number)) for number in range(8)]
        drivers = [made.start(number, folder) for number, folder in enumerate(made.folders)]
        time.sleep(4)
        os.killpg(drivers[3].pid, signal.SIGKILL)  # in the middle of it, with all its jobs
        made.said = [driver.communicate(timeout=300)[0] for driver in drivers]
        made.codes = [driver.returncode for driver in drivers]
        made.again = made.run(3, made.folders[3])
        yield made


def products(folder):
    return {path.name: path.read_bytes() for path in (folder / "products").glob("*/*")}


def test_all_are_done_with_the_bytes_that_each_would_have_made(site):
    assert [code for number, code in enumerate(site.codes) if number != 3] == [0] * 7, site.said
    assert "ended with" not in site.again
    for number, folder in enumerate(site.folders):
        made = products(folder)
        cut, mc = number % 2, "mc0\nmc\nmc1\nmc\nmc2\nmc\n"
        for run in (number, (number + 1) % RUNS):
            assert made[f"star-{run}.txt"].decode() == f"1\nrun {run}\n"
            assert made[f"melibea-{run}.txt"].decode() == f"1\nforest{cut}\n{mc}1\nrun {run}\n"


def test_there_is_one_entry_an_action_and_none_can_be_changed_by_another(site):
    found = count(site, site.folders)
    assert found["entries"] == found["actions"] == DIFFERENT
    assert found["writable"] == found["differ"] == 0
    assert found["ran"] + found["taken"] == sum(len(wanted(number)[0]) for number in range(8))
    for shard in SHARDS:
        for entry in (site.shared / shard).iterdir():
            for product in read_receipt(entry)["outputs"]:
                assert sha256_file(entry / product["name"]) == product["sha256"]
    if ROOT:
        entry = next(path for shard in SHARDS for path in (site.shared / shard).iterdir())
        other = next(n for n, uid in enumerate(site.uids) if uid != entry.stat().st_uid)
        for deed in ("os.rename(e, e + 'x')", "os.chmod(e, 0o777)", "open(e + '/x', 'w')", "os.unlink(e + '/card.rc')",
                     "open(e + '/card.rc', 'a')"):  # fmt: skip
            said = site.python_of(other, f"import os; e = {str(entry)!r}; {deed}")
            assert "PermissionError" in said, deed


def test_the_journal_and_the_catalog_tell_who_made_what_and_its_cpu_time_is_not_counted_here(site):
    _, rows, passed_over = ask(site.shared / "catalog", "SELECT user, folder, maker, origin, cpu_s FROM taken")
    assert passed_over == {}
    taken = [event for folder in site.folders for event in events(folder, "found") if event.get("origin")]
    assert len(rows) == len(taken)
    assert {row[3] for row in rows} <= {str(site.shared)}
    assert {row[2] for row in rows} <= set(map(str, site.uids)) if ROOT else True
    _, jobs, _ = ask(site.shared / "catalog", "SELECT sum(cpu_s) FROM jobs WHERE state = 'done'")
    done = [event for folder in site.folders for event in events(folder, "done")]
    assert jobs[0][0] == pytest.approx(sum(event["cpu_s"] for event in done))


def test_who_comes_later_computes_nothing_and_the_plan_says_so(site):
    with_all = {f"mc:{n}": {"card": f"Value: mc{n}\n", "in": ["mc.txt"]} for n in range(3)}
    with_all["coach:f"] = {"card": "Value: forest0\n", "in": list(with_all)}
    folder = site.make(0, "later", with_all, {"mc.txt": "mc\n"})
    text = f"""
import sys; sys.path.insert(0, "tests/runner")
from pathlib import Path
import toy
from automagic.plan import make_plan, text
session = toy.read(Path({str(folder)!r}))
plan = make_plan(session)
print("\\n".join(text.lines(plan, "later")))
"""
    said = site.python_of(0, text)
    assert "of 4 tasks 4 will be taken from the shared store; 0 up to date" in said
    assert "4 tasks will be taken from the shared store (" in said
    said = site.run(0, folder)
    assert "4 tasks were taken from the shared store" in said
    assert not (folder / "calls").exists()
    assert not events(folder, "submitted")
    assert "nothing to do" in site.run(0, folder)


@pytest.mark.skipif(not ROOT, reason="it is about entries of several users")
def test_what_is_damaged_or_may_not_be_read_is_computed_and_told(site):
    tasks = {"star:x": {"in": ["x.txt"]}, "star:y": {"in": ["y.txt"]}, "star:z": {"in": ["z.txt"]}}
    files = {f"{name}.txt": f"{name}\n" * 9 for name in "xyz"}
    site.run(1, site.make(1, "first", tasks, files))
    entry = {}
    for shard in SHARDS:
        for path in (site.shared / shard).iterdir():
            entry[read_receipt(path)["task"]] = path
    x, y = entry["star:x"] / "star-x.txt", entry["star:y"] / "star-y.txt"
    x.chmod(0o644)
    os.truncate(x, 3)
    x.chmod(0o444)
    entry["star:y"].chmod(0o700)
    folder = site.make(2, "second", tasks, files)
    said = site.run(2, folder)
    assert "ended with" not in said
    assert {event["task"] for event in events(folder, "done")} == {"star:x", "star:y"}
    assert "is not taken: its output star-x.txt was changed" in said
    assert "star:y of 60002 in the shared store is not taken: you may not read it" in said
    assert f"the shared store's entry of star:x is damaged: its output star-x.txt was changed; {site.uids[1]}" in said
    assert products(folder)["star-x.txt"].decode() == "1\n" + "x\n" * 9
    assert y.exists()


def test_a_program_that_is_not_the_same_each_time_is_found_out(site):
    program = '#!/bin/sh\nsleep 2\n{ cat in/*/*; date +%N; cat /proc/sys/kernel/random/uuid; } > "out/$1"\n'
    tasks, files = {"star:n": {"in": ["n.txt"]}}, {"n.txt": "n\n"}
    folders = [site.make(number, "random", tasks, files, program) for number in (4, 5)]
    drivers = [site.start(number, folder) for number, folder in zip((4, 5), folders, strict=True)]
    said = "".join(driver.communicate(timeout=120)[0] for driver in drivers)
    if not any(events(folder, "differs") for folder in folders):  # one was so late that it took what was there
        folder = site.make(6, "random", tasks, files, program)
        said += site.run(6, folder, "-a")
        folders.append(folder)
    told = [event for folder in folders for event in events(folder, "differs")]
    assert len(told) == 1
    assert told[0]["task"] == "star:n"
    assert told[0]["reason"].startswith(f"toy, action {told[0]['action'][:16]}…, made other bytes for ")
    if ROOT:
        assert sum(str(uid) in told[0]["reason"] for uid in site.uids) == 2
    assert "not the same each time: toy" in said
    _, rows, _ = ask(site.shared / "catalog", "SELECT task, sha256, again FROM nondeterminism")
    assert [row[0] for row in rows] == ["star:n"]
    assert rows[0][1] != rows[0][2]


def test_a_damaged_export_is_named_and_passed_over(site):
    places = sorted(path.parent for path in (site.shared / "catalog").glob("*/*/about.json"))
    before = ask(site.shared / "catalog", "SELECT count(*) FROM analyses")[1][0][0]
    assert before == len(places)
    about = places[0] / "about.json"
    good = about.read_text()
    about.unlink()
    about.write_text("{")
    broken = places[1] / json.loads((places[1] / "about.json").read_text())["exports"] / "meta.parquet"
    content = broken.read_bytes()
    broken.unlink()
    broken.write_bytes(content[:40])
    _, rows, passed_over = ask(site.shared / "catalog", "SELECT count(*) FROM analyses")
    about.write_text(good)
    broken.write_bytes(content)
    assert rows[0][0] == before - 2
    assert set(passed_over) == {str(places[0]), str(broken)}


@pytest.mark.parametrize("sql", ["COPY (SELECT 1) TO '{}'", "SELECT * FROM read_text('/etc/passwd')", "ATTACH '{}'"])
def test_a_question_reads_and_writes_nothing_else(site, tmp_path, sql):
    from automagic.errors import UserError

    with pytest.raises(UserError, match="does not understand"):
        ask(site.shared / "catalog", sql.format(tmp_path / "x"))
    assert not (tmp_path / "x").exists()
