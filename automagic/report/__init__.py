"""The report: one page on an analysis that needs nothing but itself.

>>> from automagic.report import write
"""

from automagic.report.page import write

__all__ = ["write"]
