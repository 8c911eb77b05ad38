"""The project's own tests."""

import sys
from typing import Any


def task_test() -> dict[str, Any]:
    """run the tests of the project"""
    return {"actions": [[sys.executable, "-m", "pytest"]], "verbosity": 2}
