"""One job from spec to store: what it checks, what it refuses, and that nothing half-done is left."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

import automagic.job
from automagic.job.bundle import bundle, content

WRITE = "echo 1 > out/x.txt"


@pytest.fixture
def bench(tmp_path):
    """A place to run jobs: `bench.run(script, **changes)` runs a shell script as the program."""

    class Bench:
        folder = tmp_path
        store, failed = tmp_path / "store" / "ab" / "abc", tmp_path / "failed" / "ab" / "abc"
        pyz = bundle(tmp_path)

        def spec(self, script, inputs=(), outputs=({"name": "x.txt", "level": "star"},), **changes):
            spec = {
                "task": "star:1", "action": "abc", "attempt": "1", "program": "star", "engine": "openmars",
                "engine_digest": "d", "environment": "host", "command": ["/bin/sh", "-c", script],
                "card": "A: 1\n", "overrides": [], "inputs": list(inputs), "outputs": list(outputs),
                "resources": {"disk_mb": 1, "minutes": 1.0}, "exit_codes": {"34": "no good cleaning"},
                "tolerated": [], "variables": {"PATH": os.environ["PATH"], "TZ": "UTC"},
                "scratch": str(tmp_path / "work" / "1"), "store": str(self.store), "failed": str(self.failed),
            }  # fmt: skip
            spec.update(changes)
            path = tmp_path / "spec.json"
            path.write_text(json.dumps(spec))
            return path

        def run(self, script, python=sys.executable, **changes):
            command = [python, "-I", self.pyz, self.spec(script, **changes)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            assert not (tmp_path / "work" / "1").exists()
            assert self.store.exists() != self.failed.exists() or done.returncode == 130
            return done

        def reason(self):
            return json.loads((self.failed / "receipt.json").read_text())["reason"]

        def input(self, text="data", name="a.txt", **more):
            path = tmp_path / "storage" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            digest = sha256(text.encode()).hexdigest()
            return {
                "role": "calibrated",
                "name": name,
                "path": str(path),
                "sha256": digest,
                "task": None,
                **more,
            }

    return Bench()


def test_done_job_leaves_outputs_card_log_and_receipt(bench):
    script = "cat in/calibrated/a.txt card.rc > out/x.txt; echo said; pwd >> log; echo $HOME $TZ"
    assert bench.run(script, inputs=[bench.input()]).returncode == 0
    assert sorted(p.name for p in bench.store.iterdir()) == ["card.rc", "log.txt", "receipt.json", "x.txt"]
    assert (bench.store / "x.txt").read_text() == "dataA: 1\n"
    receipt = json.loads((bench.store / "receipt.json").read_text())
    assert receipt["outputs"][0]["sha256"] == sha256(b"dataA: 1\n").hexdigest()
    assert receipt["state"] == "done"
    assert receipt["inputs"][0]["role"] == "calibrated"
    assert receipt["wall_s"] > 0
    assert receipt["max_rss_mb"] > 0
    assert "home UTC" in (bench.store / "log.txt").read_text()


def pythons() -> list[str]:
    """Every working Python from 3.9 on that this machine has, on PATH or in pyenv; ours is always among them."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {sys.executable}
    for name in ("python3", *(f"python3.{minor}" for minor in range(9, 16))):
        found |= {path for path in (shutil.which(name), *map(str, pyenv.glob(f"*/bin/{name}"))) if path}
    probe = ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]
    return sorted(p for p in found if not subprocess.run([p, *probe], check=False, capture_output=True).returncode)


@pytest.mark.parametrize("python", pythons())
def test_job_runs_on_other_pythons(bench, python):
    assert bench.run("echo 1 > out/x.txt", python=python).returncode == 0


def test_job_is_written_for_python_3_9():
    for path in sorted(Path(automagic.job.__file__).parent.glob("*.py")):
        ast.parse(path.read_text(), feature_version=(3, 9))


def test_environment_is_closed(bench, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    bench.run("env > out/x.txt")
    assert "SECRET" not in (bench.store / "x.txt").read_text()


@pytest.mark.parametrize(
    ("script", "changes", "reason"),
    [
        ("true", {}, "star did not write x.txt; it wrote nothing"),
        ("echo 1 > out/y.txt", {}, "it wrote y.txt"),
        ("ln -s /etc/hostname out/x.txt", {}, "something else than a plain file"),
        ("echo 1 > out/x.txt; echo oh no; exit 34", {}, "code 34 (no good cleaning); its last words: oh no"),
        ("echo 'ERROR - no card'; echo bye; exit 34", {}, "its last words: ERROR - no card"),
        ("exit 7", {}, "star ended with code 7; it said nothing"),
        ("kill -9 $$", {}, "killed by SIGKILL (out of memory?)"),
        (WRITE + "; echo 'Resource untouched: B.Level: 3'", {"overrides": ["B.Level"]}, "card key B.Level"),
        (WRITE, {"outputs": [{"name": "x.txt", "level": "s", "checks": {"min_bytes": 9}}]}, "2 bytes"),
        ("echo 1 > out/x.root", {"outputs": [{"name": "x.root", "level": "s"}]}, "no whole ROOT file"),
        (WRITE, {"outputs": [{"name": "../x.txt", "level": "s"}]}, "'../x.txt' is not allowed"),
        ("sleep 30", {"resources": {"disk_mb": 1, "minutes": 0.003}}, "wall time"),
        ("true", {"resources": {"disk_mb": 10**9, "minutes": 1}}, "disk is full: this needs 1000000000 MB"),
        ("true", {"command": ["/no/such/program"]}, "/no/such/program cannot be started"),
    ],
)  # fmt: skip
def test_failure_says_why_and_publishes_nothing(bench, script, changes, reason):
    assert bench.run(script, **changes).returncode == 1
    assert reason in bench.reason()
    assert not bench.store.exists()


def test_input_that_is_missing_changed_or_of_the_wrong_kind(bench):
    item = bench.input()
    for changed, reason in [
        ({"path": "/nowhere/a.txt"}, "a.txt is missing"),
        ({"sha256": "0" * 64}, "a.txt changed since"),
        ({"checks": {"root": True}}, "not a ROOT file"),
        ({"checks": {"not_name": "^a"}}, "must not be used here"),
        ({"checks": {"nonsense": 1}}, "unknown check nonsense"),
    ]:
        bench.run("echo 1 > out/x.txt", inputs=[{**item, **changed}])
        assert reason in bench.reason()


def test_tolerated_code_is_recorded_and_optional_output_may_be_missing(bench):
    outputs = [{"name": "x.txt", "level": "s"}, {"name": "y.txt", "level": "s", "optional": True}]
    assert bench.run("echo 1 > out/x.txt; exit 34", tolerated=[34], outputs=outputs).returncode == 0
    receipt = json.loads((bench.store / "receipt.json").read_text())
    assert receipt["exit_code"] == 34
    assert receipt["tolerated"] == "no good cleaning"
    assert [o["name"] for o in receipt["outputs"]] == ["x.txt"]


def test_output_may_be_missing_with_one_exit_code_alone(bench):
    outputs = [{"name": "x.txt", "level": "s", "optional": True, "missing_with": [4]}]
    assert bench.run("exit 4", tolerated=[4], outputs=outputs).returncode == 0
    assert json.loads((bench.store / "receipt.json").read_text())["outputs"] == []
    shutil.rmtree(bench.store)
    assert bench.run("exit 0", tolerated=[4], outputs=outputs).returncode == 1
    assert bench.reason() == "star did not write x.txt; it wrote nothing"


def test_tolerated_code_does_not_excuse_a_missing_output(bench):
    bench.run("exit 34", tolerated=[34])
    assert bench.reason() == "star did not write x.txt; it wrote nothing; it ended with code 34 (no good cleaning)"


def test_program_that_changes_its_input_is_given_a_copy(bench):
    item = bench.input("data", "x.txt", copy=True)
    assert bench.run("echo ' and more' >> out/x.txt", inputs=[item]).returncode == 0
    assert (bench.store / "x.txt").read_text() == "data and more\n"
    assert Path(item["path"]).read_text() == "data"
    receipt = json.loads((bench.store / "receipt.json").read_text())
    assert receipt["inputs"][0]["sha256"] == sha256(b"data").hexdigest()
    assert receipt["outputs"][0]["sha256"] == sha256(b"data and more\n").hexdigest()
    assert receipt["undeclared"] == []


def test_copied_input_is_checked_as_any_other(bench):
    item = bench.input("data", "x.txt", copy=True)
    for changed, reason in [
        ({"path": "/nowhere/x.txt"}, "x.txt is missing"),
        ({"sha256": "0" * 64}, "x.txt changed since"),
        ({"checks": {"min_bytes": 5}}, "x.txt has 4 bytes, expected at least 5"),
    ]:
        bench.run("true", inputs=[{**item, **changed}])
        assert bench.reason().startswith(reason)


def test_file_size_limit_reads_as_full_disk(bench):
    bench.run("ulimit -f 1; dd if=/dev/zero of=out/x.txt bs=1M count=1")
    assert bench.reason().startswith(("the disk is full", "star was killed by SIGXFSZ"))


def test_sigterm_ends_the_program_and_leaves_nothing(bench):
    spec = bench.spec("echo $$ > ../../pid; sleep 60")
    job = subprocess.Popen([sys.executable, "-I", bench.pyz, spec])
    while not (bench.folder / "pid").exists() or not (bench.folder / "pid").read_text().strip():
        time.sleep(0.01)
    program = int((bench.folder / "pid").read_text())
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(program, 0)
    assert not bench.store.exists()
    assert not bench.failed.exists()
    assert not (bench.folder / "work" / "1").exists()


def test_faster_attempt_keeps_its_place(bench):
    bench.run("echo first > out/x.txt")
    bench.run("echo second > out/x.txt")
    assert (bench.store / "x.txt").read_text() == "first\n"


def test_bundle_is_reproducible():
    assert content() == content()
