"""MAGIC's file names: parsed, and formed.

A name carries what a file is: night, telescope, run, subrun, level, source and wobble position, or for
Monte Carlo the zenith range, run and geometry. `parse` and ``str`` are each other's inverse.
"""

from automagic.naming.names import (
    EXTENSION,
    LEVELS,
    TAGS,
    DataName,
    McName,
    SummaryName,
    check_source,
    parse,
    wobble,
)

__all__ = [
    "EXTENSION",
    "LEVELS",
    "TAGS",
    "DataName",
    "McName",
    "SummaryName",
    "check_source",
    "parse",
    "wobble",
]
