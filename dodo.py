"""Joins tasks/ to doit. What the tasks are is in automagic/; how they run is in automagic/runner."""

from automagic.runner.state import Sha256Checker
from tasks import *  # noqa: F403

DOIT_CONFIG = {"check_file_uptodate": Sha256Checker}
