"""Which runs and Monte Carlo there are, and which of them an analysis takes.

For now an index is made anew each time, from names in storage or from the plan of a simulated site.
"""

from automagic.index.find import find_mc, find_runs
from automagic.index.runs import DataFile, McSet, Run
from automagic.index.selection import Selection, select

__all__ = ["DataFile", "McSet", "Run", "Selection", "find_mc", "find_runs", "select"]
