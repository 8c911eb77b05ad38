"""Which runs an analysis takes, the one reason against each of the others, and the Monte Carlo and off data that fit.

`checks` has the reasons in their order, `defaults` the usual limits with their sources, `choose` takes and leaves out,
`matching` finds Monte Carlo and off data for each group of runs. What is not known is never held against a run.
"""

from automagic.selection.choose import Selection, select

__all__ = ["Selection", "select"]
