"""Which runs and Monte Carlo there are, and which of them an analysis takes.

Storage is walked once and then only where it changed; what names, folders and files tell is kept as Parquet tables
(`automagic.index.store`). Runs of a simulated site are known from its plan.
"""

from automagic.index.find import find_mc, find_runs
from automagic.index.runs import DataFile, McSet, Run
from automagic.index.selection import Selection, select

__all__ = ["DataFile", "McSet", "Run", "Selection", "find_mc", "find_runs", "select"]
