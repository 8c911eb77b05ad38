"""Apptainer, through spython: its words are lists, no shell reads them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from subprocess import CalledProcessError
from typing import Any

from automagic.errors import UserError


def program() -> str:
    """Return Apptainer's path.

    Raises
    ------
    UserError
        There is none on this machine.
    """
    found = shutil.which("apptainer") or shutil.which("singularity")
    if found is None:
        raise UserError(
            "Apptainer is not installed on this machine",
            hint="Install it (Debian: apt install apptainer; RHEL: dnf install apptainer), or do this where it is.",
        )
    return found


def _command(action: str, words: Sequence[str], quiet: bool) -> tuple[Any, list[str]]:
    found = program()
    from spython.main import get_client

    client = get_client(quiet=quiet)
    # spython calls "singularity", a name that not every Apptainer comes with
    return client, [found, *client._init_command(action)[1:], *words]


def ask(action: str, *words: str) -> str:
    """Run a command of Apptainer; return what it says.

    Raises
    ------
    UserError
        It failed, with its own words.
    """
    client, command = _command(action, words, quiet=True)
    result = client._run_command(command, quiet=True, return_result=True)
    message = result["message"]
    # spython gives what was said and the complaints as a list, or the only one of them as it is
    texts = [message] if isinstance(message, str) else list(message)
    if result["return_code"] != 0:
        raise UserError(f"apptainer {action} failed: {' '.join(''.join(texts).split()) or result['return_code']}")
    return texts[0] if texts else ""


def follow(action: str, *words: str, say: Callable[[str], None], environment: Mapping[str, str] | None = None) -> None:
    """Run a long command of Apptainer, with these further variables, and hand on each line that it says.

    Raises
    ------
    UserError
        It failed; the last lines say why.
    """
    from spython.utils import stream_command

    _, command = _command(action, words, quiet=False)
    before = dict(os.environ)
    os.environ.update(environment or {})  # spython's stream has no other way to give them
    try:
        for line in stream_command(command, output_type="both"):
            say(line.rstrip("\n"))
    except CalledProcessError as error:
        raise UserError(
            f"apptainer {action} ended with exit code {error.returncode}; the lines above say why"
        ) from None
    finally:
        for name in environment or {}:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def talk(action: str, *words: str) -> None:
    """Run a command of Apptainer that may ask the person something.

    Raises
    ------
    UserError
        It failed, with its own words.
    """
    client, command = _command(action, words, quiet=False)
    result = client._run_command(command, capture=False, quiet=True, return_result=True)
    if result["return_code"] != 0:
        raise UserError(f"apptainer {action} failed: {' '.join(''.join(result['message']).split())}")


def version() -> str:
    """Return Apptainer's version."""
    return ask("--version").split()[-1]
