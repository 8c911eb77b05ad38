"""``[condor]`` of ``site.toml``: how jobs are handed to HTCondor."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from automagic.analysis.fields import Section

OURS = frozenset(
    {
        "accounting_group", "accounting_group_user", "allowed_execute_duration", "allowed_job_duration",
        "arguments", "batch_name", "cron_minute", "deferral_time", "environment", "error", "executable",
        "getenv", "hold", "initialdir", "jobbatchname", "leave_in_queue", "log", "max_idle",
        "max_materialize", "max_retries", "notification", "on_exit_hold", "on_exit_remove", "output",
        "periodic_hold", "periodic_release", "periodic_remove", "preserve_relative_paths", "priority",
        "queue", "request_cpus", "request_disk", "request_memory", "retry_request_memory",
        "retry_request_memory_increase", "retry_request_memory_max", "should_transfer_files",
        "submit_event_notes", "submit_event_user_notes", "transfer_executable", "transfer_input_files",
        "transfer_output_files", "transfer_output_remaps", "universe", "when_to_transfer_output",
    }
)  # fmt: skip
"""Submit commands that autoMAGIC sets itself, or that would take a job's life out of its hands."""

_COMMAND = re.compile(r"(?:(?:My\.|\+)[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_][A-Za-z0-9_.]*)")


def _submit(given: Any) -> dict[str, str]:
    """Check extra submit lines: one command a line, none of ours, no macros that reach files or programs."""
    if not isinstance(given, dict):
        raise ValueError("give submit commands and their values, like { requirements = '...' }")
    for command, value in given.items():
        if not _COMMAND.fullmatch(command):
            raise ValueError(f"{command!r} is no submit command")
        name = command.lower().removeprefix("my.").removeprefix("+")
        if name in OURS or name.startswith("automagic"):
            raise ValueError(f"{command!r} is set by autoMAGIC itself")
        whole = not isinstance(value, str) or (value.isprintable() and not value.endswith("\\"))
        if not isinstance(value, str | int | float | bool) or not whole:
            raise ValueError(f"{command}: give a value of one line")
        if isinstance(value, str) and "$" in value.replace("$$(", ""):
            raise ValueError(f"{command}: macros ('$') are not expanded here; write the value itself")
    return {command: _word(value) for command, value in given.items()}


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(given: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.@-]+", given):
        raise ValueError("letters, digits and . _ @ - only")
    return given


Name = Annotated[str, AfterValidator(_name)]


class Condor(Section):
    """``[condor]``: how jobs are handed to HTCondor.

    Attributes
    ----------
    schedd, collector
        Name of the schedd and address of the collector; those of this machine's HTCondor configuration by default.
    accounting_group, accounting_group_user
        Whom the time is charged to.
    submit
        Further submit commands, e.g. ``requirements`` or ``+Project``; those that autoMAGIC sets itself are refused.
    shared_files
        Whether the nodes see the analysis folder and the data under the paths that they have here. Where not, HTCondor
        brings inputs to the node and products back.
    apptainer
        The program on the nodes.
    max_queued, max_running
        How many jobs of a cluster (a stage and what its jobs need) wait in the queue at once, and how many run.
    batch_s
        Ready tasks are gathered for so long before they are submitted, unless nothing waits in the queue.
    memory_max_mb
        Jobs that had too little memory are started again with more, up to this.
    failures_max
        After so many failures of one kind a stage stops submitting.
    late_s
        A job that has ended without a result that can be seen is looked at again for so many seconds.
    """

    schedd: Name | None = None
    collector: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:\[\]?&=+<>-]+$")] | None = None
    accounting_group: Name | None = None
    accounting_group_user: Name | None = None
    submit: Annotated[dict[str, str], BeforeValidator(_submit)] = Field(default_factory=dict)
    shared_files: bool = True
    apptainer: Annotated[str, Field(pattern=r"^/[^\n]+$")] = "/usr/bin/apptainer"
    max_queued: int = Field(default=1000, ge=1)
    max_running: int = Field(default=2000, ge=1)
    batch_s: float = Field(default=10.0, ge=0, le=600)
    memory_max_mb: int = Field(default=16000, ge=100)
    failures_max: int = Field(default=20, ge=1)
    late_s: float = Field(default=60.0, ge=0, le=3600)

    @model_validator(mode="after")
    def _user_has_group(self) -> Condor:
        if self.accounting_group_user is not None and self.accounting_group is None:
            raise ValueError("'accounting_group_user' goes with 'accounting_group'")
        return self
