"""The job itself: from spec to a published folder."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from automagic.job.checks import check_file
from automagic.job.publish import move_outputs, publish, write_folder
from automagic.job.spec import Cancelled, JobFailed, check_spec, safe_name, sha256_file, signature
from automagic.job.supervise import Outcome, supervise
from automagic.rootfile import RootError, canonicalise

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_UNTOUCHED = re.compile(r"^Resource untouched: ([^\s:]+):", re.MULTILINE)
_ERROR = re.compile(r"(fatal )?error\b", re.IGNORECASE)
_DISK_FULL = ("No space left on device", "Disk quota exceeded", "File too large", "File size limit exceeded")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOG_TAIL = 1 << 20
_PROBE = 1_000_000


def now() -> str:
    """Tell the time, UTC, as receipts do."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Job:
    """One attempt at one task.

    Parameters
    ----------
    spec
        See `automagic.job.spec`.
    lifeline
        Descriptor that reads end-of-file when the driver is gone.
    """

    def __init__(self, spec: dict[str, Any], lifeline: int | None = None) -> None:
        self.spec = spec
        self.lifeline = lifeline
        self.folder = Path(spec["scratch"])
        self.skipped: list[str] = []
        self.receipt: dict[str, Any] = {"receipt": 1, "state": "failed", "reason": None, "exit_code": None}

    def run(self) -> dict[str, Any]:
        """Run the job to its end and publish; return the receipt. Only `Cancelled` is raised."""
        self._begin_receipt()
        try:
            with _stoppable():
                try:
                    self._prepare()
                    self._check_inputs()
                    outcome = self._run_program()
                    self._judge(outcome)
                    self.receipt["outputs"] = self._finish_outputs()
                    self.receipt.update(state="done", ended=now(), unchecked=self.skipped)
                    whole = write_folder(self.folder, self.receipt, self.spec)
                    publish(whole, Path(self.spec["store"]), self.spec["attempt"])
                except JobFailed as failure:
                    self._fail(failure.reason, failure.cause or "internal")
                except OSError as error:
                    self._fail(*self._explain(error))
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.receipt

    def _begin_receipt(self) -> None:
        copied = (
            "task", "action", "attempt", "program", "engine", "engine_digest", "environment", "image", "command",
            "overrides", "recipe", "form",
        )  # fmt: skip
        self.receipt.update({key: self.spec.get(key) for key in copied})
        self.receipt.update(started=now(), host=host_name(self.folder), python=platform.python_version())
        self.receipt["input_mb"] = round(sum(item.get("size") or 0 for item in self.spec["inputs"]) / 1e6, 3)
        self.receipt["inputs"] = [
            {key: item.get(key) for key in ("role", "name", "sha256", "size", "task", "path", "url") if key in item}
            for item in self.spec["inputs"]
        ]
        for item in self.receipt["inputs"]:
            if item.get("task") is not None:
                item["path"] = None  # a product: its hash says all, and the folder may move

    def _prepare(self) -> None:
        os.umask(0o022)
        placed = self.spec.get("placed", False)
        self.folder.mkdir(parents=True, exist_ok=placed)
        check_spec(self.spec)
        for name in ("out", "home", "tmp"):
            (self.folder / name).mkdir()
        free_mb = shutil.disk_usage(self.folder).free / 1e6
        if free_mb < self.spec["resources"]["disk_mb"]:
            needed = self.spec["resources"]["disk_mb"]
            where = f"{free_mb:.0f} MB are free at {self.folder.parent}"
            raise JobFailed(f"the disk is full: this needs {needed} MB and {where}", "disk")
        if self.spec["card"] or any("card.rc" in word for word in self.spec["command"]):
            (self.folder / "card.rc").write_text(self.spec["card"], encoding="utf-8")
        for item in [] if placed else self.spec["inputs"]:
            link = self.folder / "in" / safe_name(item["role"]) / safe_name(item["name"])
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(item["path"])

    def _check_inputs(self) -> None:
        for item in self.spec["inputs"]:
            path = self.folder / "in" / item["role"] / item["name"]
            with _cause("input"):
                check_file(path, item["name"], item.get("checks", {}), self.skipped)
            if item.get("copy"):  # the program changes it in place
                copy = self.folder / "out" / item["name"]
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            if item.get("signature") != signature(path) and sha256_file(path) != item["sha256"]:
                raise JobFailed(f"{item['name']} changed since the job was planned; run again", "changed")

    def _run_program(self) -> Outcome:
        variables = dict(self.spec["variables"])
        variables.update(HOME=str(self.folder / "home"), TMPDIR=str(self.folder / "tmp"), PWD=str(self.folder))
        self.receipt["variables"] = self.spec["variables"]
        seconds = 60.0 * float(self.spec["resources"]["minutes"])
        try:
            outcome = supervise(
                self.spec["command"], self.folder, variables, self.folder / "log.txt", seconds, self.lifeline
            )
        except OSError as error:
            if error.errno in _FULL:
                raise
            program = self.spec["command"][0]
            raise JobFailed(f"the program {program} cannot be started: {error.strerror}", "start") from None
        self.receipt.update(
            exit_code=outcome.exit_code,
            wall_s=round(outcome.wall_s, 3),
            cpu_s=round(outcome.cpu_s, 3),
            max_rss_mb=round(outcome.max_rss_mb, 1),
        )
        if outcome.stopped in ("signal", "driver"):
            raise Cancelled(outcome.stopped)
        return outcome

    def _judge(self, outcome: Outcome) -> None:
        """Decide from exit code and log whether the program did its work."""
        log = self._log()
        self.receipt["untouched"] = untouched = sorted(set(_UNTOUCHED.findall(log)))
        minutes, program = self.spec["resources"]["minutes"], self.spec["program"]
        if outcome.stopped == "time":
            raise JobFailed(f"{program} was ended after its {minutes:g} minutes of wall time", "time")
        code = outcome.exit_code
        if code and code not in {int(c) for c in self.spec["tolerated"]}:
            raise JobFailed(*self._why(code, log))
        if code:
            self.receipt["tolerated"] = self._meaning(code)
        unread = [key for key in self.spec["overrides"] if key in untouched]
        if unread:
            raise JobFailed(f"{program} did not read the card key {', '.join(unread)}: misspelt?", "card")

    def _log(self) -> str:
        path = self.folder / "log.txt"
        if not path.exists():
            return ""
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL))
            return _ANSI.sub("", file.read().decode("utf-8", "replace"))

    def _meaning(self, code: int) -> str:
        return {int(c): text for c, text in self.spec["exit_codes"].items()}.get(code, "unknown")

    def _why(self, code: int, log: str) -> tuple[str, str]:
        """Return reason and cause of a program's failure."""
        program = self.spec["program"]
        lines = [line.strip() for line in log.splitlines() if line.strip() and "untouched" not in line]
        # what a program says of its error may stand before what it had still buffered
        errors = [line for line in lines if _ERROR.match(line)]
        last = f"; its last words: {' | '.join((errors or lines)[-2:])[:400]}" if lines else "; it said nothing"
        if any(words in log for words in _DISK_FULL) or self._disk_is_full():
            return f"the disk is full: {program} could not write{last}", "disk"
        if code < 0:
            with contextlib.suppress(ValueError):
                name = signal.Signals(-code).name
                more = " (out of memory?)" if name == "SIGKILL" else ""
                return f"{program} was killed by {name}{more}{last}", "signal"
        meaning = self._meaning(code)
        return f"{program} ended with code {code}{'' if meaning == 'unknown' else f' ({meaning})'}{last}", "exit"

    def _disk_is_full(self) -> bool:
        """Tell whether nothing fits any more; only writing something finds a quota that is used up."""
        if shutil.disk_usage(self.folder).free < _PROBE:
            return True
        path = self.folder / "probe"
        try:
            with open(path, "wb") as file:
                file.write(os.urandom(_PROBE))  # nothing that a file system packs to nothing
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return error.errno in _FULL
        finally:
            path.unlink(missing_ok=True)
        return False

    def _explain(self, error: OSError) -> tuple[str, str]:
        if error.errno in _FULL:
            return f"the disk is full: {error.filename or self.folder} could not be written ({error.strerror})", "disk"
        return f"{error.filename or 'the scratch folder'}: {error.strerror}", "internal"

    def _finish_outputs(self) -> list[dict[str, Any]]:
        """Check, canonicalise and hash what the program made."""
        self.receipt["scratch_mb"] = round(used_mb(self.folder), 3)
        made = move_outputs(self.folder, self.spec, self.receipt)
        described = []
        for item, path in made:
            with _cause("output"):
                counted = check_file(path, item["name"], item.get("checks", {}), self.skipped)
            if path.suffix == ".root":
                try:
                    canonicalise(path)
                except RootError as error:
                    raise JobFailed(f"{item['name']} is no whole ROOT file: {error}", "output") from None
            path.chmod(0o444)
            described.append(
                {
                    "name": item["name"],
                    "level": item["level"],
                    "size": path.stat().st_size,
                    "sha256": sha256_file(path),
                    **({"events": counted["events"]} if "events" in counted else {}),
                }
            )
        return described

    def _fail(self, reason: str, cause: str) -> None:
        """Leave a receipt that says why, if there is room for one."""
        self.receipt.update(state="failed", reason=reason, cause=cause, ended=now(), unchecked=self.skipped)
        self.receipt.pop("outputs", None)
        with contextlib.suppress(OSError, JobFailed):
            shutil.rmtree(self.folder / "out", ignore_errors=True)  # makes room for the receipt on a full disk
            shutil.rmtree(self.folder / "publish", ignore_errors=True)
            whole = write_folder(self.folder, self.receipt, self.spec)
            publish(whole, Path(self.spec["failed"]), self.spec["attempt"], replace=True)


def host_name(scratch: Path) -> str:
    """Tell on which machine this is: in an image, as the launcher has noted it (``launch.sh``).

    The note goes, so that the program does not meet it.
    """
    note = scratch.parent / "host"
    with contextlib.suppress(OSError):
        name = note.read_text(errors="replace").strip()
        note.unlink()
        return name
    return platform.node()


def used_mb(folder: Path) -> float:
    """Add up the sizes (MB) of what lies in a folder; links are not followed."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total / 1e6


@contextlib.contextmanager
def _cause(cause: str) -> Any:
    """Say of failures inside what kind they are."""
    try:
        yield
    except JobFailed as failure:
        failure.cause = failure.cause or cause
        raise


@contextlib.contextmanager
def _stoppable() -> Any:
    """SIGTERM and SIGINT end the job wherever it is; what it has published by then stays."""

    def stop(number: int, _: Any) -> None:
        raise Cancelled("signal")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    yield
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
