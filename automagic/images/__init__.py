"""Apptainer images: built, recorded, checked against their record, and pinned by an analysis.

Reading records and checking pins needs no Apptainer; building, verifying and signing does.
"""

from automagic.images.pins import check, pin
from automagic.images.record import Record, find, read

__all__ = ["Record", "check", "find", "pin", "read"]
