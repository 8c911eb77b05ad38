"""The driver's promises, on toy programs: what reruns, what stops, what is kept, and what a person is told."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOY = Path(__file__).with_name("toy.py")
PROJECT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("toy", TOY)
toy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toy)

TASKS = {
    "star:a": {"in": ["a.txt"]},
    "star:b": {"in": ["b.txt"]},
    "superstar:ab": {"in": ["star:a", "star:b"]},
    "star:c": {"in": ["c.txt"]},
    "superstar:c": {"in": ["star:c"]},
    "melibea:all": {"in": ["superstar:ab", "superstar:c"]},
}


class Toy:
    """A toy analysis, and the driver on it."""

    def __init__(self, folder, tasks=None):
        self.folder = folder
        self.tasks = json.loads(json.dumps(tasks or TASKS))
        self.write()
        for name in "abc":
            (folder / f"{name}.txt").write_text(f"{name}\n")

    def write(self):
        toy.make(self.folder, self.tasks)

    def card(self, task, card):
        self.tasks[task]["card"] = card
        self.write()

    def start(self, *words, **more):
        command = [sys.executable, TOY, f"analysis={self.folder}", *words]
        return subprocess.Popen(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more
        )

    def run(self, *words, code=0):
        driver = self.start(*words)
        said, _ = driver.communicate(timeout=60)
        assert driver.returncode == code, said
        return said

    def calls(self):
        """Tell which programs ran since the last question."""
        path = self.folder / "calls"
        found = sorted(path.read_text().split()) if path.exists() else []
        path.unlink(missing_ok=True)
        return [name.removesuffix(".txt").replace("-", ":") for name in found]

    def product(self, task):
        stage, _, what = task.partition(":")
        return self.folder / "products" / stage / f"{stage}-{what}.txt"

    def events(self, kind):
        lines = [line for p in sorted(self.folder.glob("journal/*.jsonl")) for line in p.read_text().splitlines()]
        return [e for e in map(json.loads, lines) if e["event"] == kind]


@pytest.fixture
def analysis(tmp_path):
    return Toy(tmp_path / "toy")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A toy analysis that was run to its end."""
    analysis = Toy(tmp_path_factory.mktemp("finished") / "toy")
    assert "6 ran" in analysis.run()
    assert len(analysis.calls()) == 6
    return analysis.folder


@pytest.fixture
def done(finished, tmp_path):
    """A copy of it: what is up to date stays so in another folder."""
    return Toy(shutil.copytree(finished, tmp_path / "toy", symlinks=True))


def snapshot(folder):
    return {
        str(p.relative_to(folder)): (p.lstat().st_mtime_ns, p.lstat().st_ino)
        for p in folder.rglob("*")
        if not p.is_dir() and p.name not in ("lock", "doit.db")
    }


def test_second_run_does_nothing_says_so_and_leaves_no_trace(done):
    done.run()  # learns the paths of the copy
    before = snapshot(done.folder)
    assert "nothing to do, all 6 tasks are up to date" in done.run()
    assert done.calls() == []
    assert snapshot(done.folder) == before
    assert done.product("melibea:all").read_text().count("1\n") == 6


def test_truncated_output_is_made_again_and_nothing_else(done):
    target = done.product("superstar:ab").resolve()
    before = target.stat()
    content = target.read_text()
    target.chmod(0o644)
    target.write_text(content[:1])
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "1 ran, 5 were up to date" in done.run()
    assert done.calls() == ["superstar:ab"]
    assert done.product("superstar:ab").read_text() == content


def test_edited_output_of_same_size_and_time_is_found(done):
    target = done.product("star:c").resolve()
    before = target.stat()
    target.chmod(0o644)
    target.write_text(target.read_text().replace("c", "x"))
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert target.stat().st_size == before.st_size
    done.run()
    assert done.calls() == ["star:c"]


def test_changed_card_reruns_what_depends_on_it_and_back_is_fresh_at_once(done):
    done.card("star:c", "Value: 2\n")
    done.run()
    assert done.calls() == ["melibea:all", "star:c", "superstar:c"]
    assert "2\n" in done.product("melibea:all").read_text()
    done.card("star:c", "Value: 1\n")
    assert "nothing to do" in done.run()
    assert "2\n" not in done.product("melibea:all").read_text()


def test_comment_moved_folder_and_new_dates_rerun_nothing(done):
    done.card("star:c", "# a comment\nValue: 1\n")
    moved = done.folder.with_name("elsewhere")
    done.folder.rename(moved)
    for name in "abc":
        os.utime(moved / f"{name}.txt")
    done.folder = moved
    assert "nothing to do" in done.run()
    assert done.product("star:a").exists()


def test_early_cutoff_where_new_products_are_the_old_ones(done):
    done.card("star:a", "Other: 5\nValue: 1\n")
    assert "1 ran, 5 were up to date" in done.run()
    assert done.calls() == ["star:a"]


def test_changed_input_with_its_time_kept_is_found(done):
    path = done.folder / "c.txt"
    before = path.stat()
    path.write_text("x\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    done.run()
    assert done.calls() == ["melibea:all", "star:c", "superstar:c"]


def test_failure_stops_only_what_depends_on_it(analysis):
    analysis.card("star:c", "Fail: 7\n")
    said = analysis.run(code=1)
    assert analysis.calls() == ["star:a", "star:b", "star:c", "superstar:ab"]
    assert "3 ran, 0 were up to date, 1 failed, 2 were not run because of that" in said
    assert "star:c failed: toy ended with code 7 (no stars); its last words: it broke" in said
    assert "not run because of it: superstar:c, melibea:all" in said
    assert not analysis.product("star:c").is_symlink()
    assert "1 failed" in analysis.run(code=1)
    assert analysis.calls() == ["star:c"]


def test_links_of_failed_tasks_go(done):
    done.card("star:c", "Fail: 7\n")
    done.run(code=1)
    for task in ("star:c", "superstar:c", "melibea:all"):
        assert not done.product(task).is_symlink()
    assert done.product("superstar:ab").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: (a.folder / "c.txt").unlink(), "c.txt cannot be read: No such file"),
        (lambda a: a.tasks["star:c"].update(checks={"root": True}), "c.txt is no whole ROOT file"),
        (lambda a: a.tasks["star:c"].update(problem="run 3 has no second telescope"), "no second telescope"),
        (lambda a: a.tasks["star:c"].update(memory=5000), "needs 5000 MB of memory, and jobs here have 1000"),
        (lambda a: a.tasks["star:c"].update(out="other.txt"), "did not write star-c.txt; it wrote other.txt"),
    ],
)
def test_bad_input_stops_one_branch_and_is_told(analysis, change, reason):
    change(analysis)
    analysis.write()
    said = analysis.run(code=1)
    assert reason in said
    assert "3 ran, 0 were up to date, 1 failed, 2 were not run because of that" in said
    assert not any("star:c" in p.name for p in analysis.folder.glob("products/*/*"))


def wait_for(condition, seconds=20):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_jobs_and_keeps_what_is_done(analysis, number):
    analysis.card("superstar:ab", "Sleep: 60\n")
    driver = analysis.start()
    wait_for(lambda: len(analysis.events("done")) == 4 and len(analysis.events("started")) == 5)
    driver.send_signal(number)
    said, _ = driver.communicate(timeout=20)
    assert driver.returncode == 128 + number
    assert "stopped by" in said
    assert "Traceback" not in said
    assert not (analysis.folder / "work").exists()
    analysis.calls()
    analysis.card("superstar:ab", "Value: 1\n")
    analysis.run()
    assert analysis.calls() == ["melibea:all", "superstar:ab"]


def running(folder):
    """Process numbers whose command line names the folder."""
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if str(folder).encode() in words.read_bytes():
                found.append(words.parent.name)
    return found


def test_killed_driver_loses_nothing_finished_and_takes_its_jobs_along(analysis):
    analysis.card("superstar:ab", "Sleep: 60\n")
    driver = analysis.start()
    wait_for(lambda: len(analysis.events("done")) == 4 and len(analysis.events("started")) == 5)
    driver.kill()
    driver.wait()
    wait_for(lambda: not running(analysis.folder))
    analysis.calls()
    analysis.card("superstar:ab", "Value: 1\n")
    assert "2 ran, 4 were up to date" in analysis.run()
    assert analysis.calls() == ["melibea:all", "superstar:ab"]


def test_second_driver_is_told_who_holds_the_analysis(analysis):
    analysis.card("star:a", "Sleep: 60\n")
    driver = analysis.start()
    wait_for(lambda: analysis.events("started"))
    said = analysis.run(code=2)
    assert "toy is already being run by" in said
    assert f"process {driver.pid}" in said
    driver.terminate()
    driver.communicate(timeout=20)


def test_selection_by_stage_name_pattern_and_path(analysis):
    analysis.run("superstar:ab")
    assert analysis.calls() == ["star:a", "star:b", "superstar:ab"]
    analysis.run("star")
    assert analysis.calls() == ["star:c"]
    analysis.run(str(analysis.product("superstar:c")))
    assert analysis.calls() == ["superstar:c"]
    said = analysis.run("sperstar", code=2)
    assert "did you mean 'superstar'?" in said


def test_list_and_info_tell_state_and_reason(done):
    assert "U star:a" in done.run("list", "--all", "-s")
    done.card("star:a", "Value: 7\n")
    said = done.run("info", "superstar:ab")
    assert "would run: it waits for star:a" in said
    assert "R star:a" in done.run("list", "--all", "-s")


def test_task_that_left_the_analysis_leaves_no_link(done):
    for name in ("melibea:all", "superstar:c"):
        del done.tasks[name]
    done.write()
    done.run()
    assert not done.product("superstar:c").is_symlink()
    assert done.product("superstar:ab").exists()


def test_a_broken_report_loses_nothing(analysis):
    (analysis.folder / "break-report").touch()
    assert "warning: the report could not be written" in analysis.run()
    assert "nothing to do" in analysis.run()


def test_always_makes_it_again_and_tells_where_bytes_differ(done):
    (done.folder / "mars" / "toy").write_text("#!/bin/sh\ndate +%N > out/$1\n")
    done.run("star:a")
    before = done.product("star:a").read_bytes()
    assert "star:a made other bytes than before: star-a.txt" in done.run("-a", "star:a")
    assert done.product("star:a").read_bytes() == before


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place]
    if os.getuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_full_disk_is_told_and_nothing_half_written_is_seen(small_disk):
    analysis = Toy(small_disk / "toy")
    program = analysis.folder / "mars" / "toy"
    program.write_text(program.read_text() + '[ "$1" = star-b.txt ] && cat /dev/zero >> out/$1; true\n')
    said = analysis.run(code=1)
    assert "the disk is full" in said
    assert "Traceback" not in said
    assert not any("star-b" in p.name for p in analysis.folder.glob("products/*/*"))
    assert not any(p.name == "star-b.txt" for p in analysis.folder.glob("store/**/*"))


@pytest.mark.parametrize("partly", [False, True])
def test_a_link_that_a_killed_driver_did_not_set_is_set_by_the_next_that_is_asked_for_all(done, partly):
    for name in ("links.json", "hashes.lines", "hashes.parquet"):  # it died before it kept what it had hashed
        (done.folder / "journal" / name).unlink(missing_ok=True)
    done.product("star:c").unlink()
    if partly:
        (done.folder / "a.txt").write_text("another\n")
        done.run("star:a")
    done.run()
    assert done.product("star:c").is_symlink()


def test_products_are_read_only_and_links_relative(done):
    link = done.product("star:a")
    assert not os.readlink(link).startswith("/")
    assert link.stat().st_mode & 0o222 == 0
