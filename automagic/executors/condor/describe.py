"""The submit description of a batch. Whatever comes from files and names is quoted here."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from automagic.analysis.condor import Condor
from automagic.errors import UserError
from automagic.executors.condor import carry
from automagic.executors.condor.batches import Batch
from automagic.job.launch import carried

GRACE_S = 1800
"""A job ends its program when its time is up; HTCondor's own limit is so much later, for a job that hangs itself."""

ERRORS = "job.err"
"""What the job complained of, in its folder."""


@dataclass(frozen=True)
class Site:
    """What is the same in all descriptions.

    Attributes
    ----------
    work
        The folder of the job folders.
    name
        Of the analysis, for people.
    """

    settings: Condor
    work: Path
    name: str
    pyz: Path
    launcher: Path

    @property
    def batches(self) -> Path:
        """Return the folder of notes and event logs."""
        return self.work / "batches"

    @property
    def mark(self) -> str:
        """Return what marks the jobs of this analysis."""
        return mark(self.name, self.work)


def mark(name: str, work: Path) -> str:
    """Return what marks the jobs of an analysis: another folder with an analysis of this name has another mark."""
    return f"{_plain(name)}-{hashlib.sha256(str(work).encode()).hexdigest()[:12]}"


def describe(site: Site, batch: Batch, log: Path) -> tuple[str, list[dict[str, str]]]:
    """Return the submit description of a batch and its items, one a job.

    Raises
    ------
    UserError
        Something in it cannot be written in a submit description.
    """
    settings, kind = site.settings, batch.kind
    lines = {
        "universe": "vanilla",
        **_program(site, batch),
        "initialdir": f"{_text(site.work)}/$(attempt)",
        "output": "/dev/null",
        "error": ERRORS,
        "log": _text(log),
        "notification": "never",
        "request_cpus": str(kind.cores),
        "request_memory": str(min(kind.memory_mb, settings.memory_max_mb)),
        "request_disk": f"{kind.disk_mb}M",
        "allowed_execute_duration": str(60 * kind.minutes + GRACE_S),
        "priority": "$(priority)",
        "max_materialize": str(settings.max_queued + settings.max_running),
        "max_idle": str(settings.max_queued),
        # not submit_event_notes: a batch name takes its place in the event
        "submit_event_user_notes": "$(attempt)",
        "batch_name": f"{_plain(site.name)}:{_plain(kind.stage)}",
        "My.AutomagicAnalysis": f'"{site.mark}"',
        "My.AutomagicBatch": f'"{batch.name}"',
        "My.AutomagicAction": '"$(action)"',
        "My.AutomagicTask": '"$(task)"',
    }
    if kind.memory_mb < settings.memory_max_mb:
        lines["retry_request_memory_increase"] = "RequestMemory * 2"
        lines["retry_request_memory_max"] = str(settings.memory_max_mb)
    if settings.accounting_group is not None:
        lines["accounting_group"] = settings.accounting_group
    if settings.accounting_group_user is not None:
        lines["accounting_group_user"] = settings.accounting_group_user
    lines.update(settings.submit)
    for command, value in lines.items():
        if not value.isprintable():
            raise UserError(f"{value!r} cannot be written in a submit description ({command})", hint="Rename it.")
    items = [
        {
            "attempt": member.attempt,
            "action": _plain(member.action),
            "task": _plain(member.task),
            "priority": str(member.priority),
        }
        for member in batch.members
    ]
    return "".join(f"{command} = {value}\n" for command, value in lines.items()), items


def _program(site: Site, batch: Batch) -> dict[str, str]:
    """Return what starts the job: the launcher in front of an image, or the job itself."""
    folder, image = f"{_text(site.work)}/$(attempt)", batch.kind.image
    if image is not None and not site.settings.shared_files:
        return _carried(site, Path(image))
    if image is None:
        words = [_text(sys.executable), "-I", _text(site.pyz), f"{folder}/spec.json"]
    else:
        words = ["/bin/sh", _text(site.launcher), folder]
    return {
        "executable": words[0],
        "transfer_executable": "false",
        "arguments": arguments(words[1:]),
        "should_transfer_files": "NO",
    }


def _carried(site: Site, image: Path) -> dict[str, str]:
    files = [site.pyz, carry.empty(site.batches), *([image] if carried(image) else [])]
    for path in files:
        if "," in str(path):
            raise UserError(f"{path}: HTCondor cannot carry files with a comma in their path", hint="Rename it.")
    return {
        "executable": _text(site.launcher),
        "transfer_executable": "true",
        "arguments": arguments(["."]),
        "should_transfer_files": "YES",
        "when_to_transfer_output": "ON_EXIT",
        "transfer_input_files": ",".join(["spec.json", "launch", "in", *map(_text, files)]),
        "transfer_output_files": carry.RESULT,
    }


def arguments(words: Iterable[str]) -> str:
    """Return words as HTCondor's new syntax for arguments has them.

    >>> arguments(["-c", "it's", 'a "b"'])
    '"\\'-c\\' \\'it\\'\\'s\\' \\'a ""b""\\'"'
    """
    quoted = ("'" + word.replace("'", "''").replace('"', '""') + "'" for word in words)
    return f'"{" ".join(quoted)}"'


def _text(value: Path | str) -> str:
    """Return a path as a submit description has it, where a dollar begins a macro."""
    return str(value).replace("$", "$(DOLLAR)")


def _plain(name: str) -> str:
    """Return a name for people to read, without characters that mean something somewhere.

    >>> _plain('star:05029747.M1 "x" $(y)')
    'star:05029747.M1__x____y_'
    """
    return re.sub(r"[^A-Za-z0-9_.:+-]", "_", name)
