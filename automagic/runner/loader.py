"""Loads dodo.py as doit does; what a person did wrong is said in a line, not as a traceback."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from doit.cmd_base import DodoTaskLoader

from automagic.errors import UserError
from automagic.runner.current import keep_out_of_doit


class Loader(DodoTaskLoader):
    """doit's loader of dodo.py, with our errors."""

    def load_tasks(self, cmd: Any, pos_args: list[str]) -> list[Any]:
        """Load the tasks of ``tasks/``, for the analysis that the command line names; to run one needs none of them."""
        if cmd.name == "run":
            keep_out_of_doit()
        try:
            return super().load_tasks(cmd, pos_args)
        except UserError as error:
            complain(error)


def complain(error: UserError) -> NoReturn:
    """Say what a person did wrong and what to do, and exit with code 2."""
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(error.hint, file=sys.stderr)
    raise SystemExit(2)
