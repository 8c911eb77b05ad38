"""MAGIC's file names: parsed, and formed.

A name carries what a file is: night, telescope, run, subrun, level, source and wobble position, or for
Monte Carlo the zenith range, run and geometry. `parse` and ``str`` are each other's inverse.
"""

from automagic.naming.data import DataName
from automagic.naming.mc import McName
from automagic.naming.names import parse, reason
from automagic.naming.parts import (
    EXTENSION,
    LEVELS,
    PER_TELESCOPE,
    TAGS,
    check_night,
    check_source,
    wobble,
)
from automagic.naming.summary import SummaryName

__all__ = [
    "EXTENSION",
    "LEVELS",
    "PER_TELESCOPE",
    "TAGS",
    "DataName",
    "McName",
    "SummaryName",
    "check_night",
    "check_source",
    "parse",
    "reason",
    "wobble",
]
