"""Which runs and Monte Carlo there are, and under which conditions.

Storage is walked once and then only where it changed; what names, folders and files tell is kept as Parquet tables
(`automagic.index.store`). Runs of a simulated site are known from its plan.
"""

from automagic.index.find import find_mc, find_runs
from automagic.index.runs import DataFile, McSet, Run

__all__ = ["DataFile", "McSet", "Run", "find_mc", "find_runs"]
