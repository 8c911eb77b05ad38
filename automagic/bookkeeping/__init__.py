"""The record of an analysis: folder layout, lock, journal, store with receipts, links for people, DuckDB
catalog.

What a person or a job wrote is the truth (analysis.toml, journal, receipts); the catalog is derived from it.
"""

from __future__ import annotations

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.hashes import HashCache
from automagic.bookkeeping.journal import Journal, read_journal
from automagic.bookkeeping.lock import hold
from automagic.bookkeeping.store import Store

__all__ = ["Folder", "HashCache", "Journal", "Store", "hold", "read_journal"]
