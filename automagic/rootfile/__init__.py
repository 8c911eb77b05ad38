"""ROOT files as bytes: are they whole, what trees do they hold, and their canonical bytes. Standard library
only.

`check` finds truncated and foreign files, `canonicalise` replaces what the clock and the random generator
left in a file by fixed values, `content_hash` is the hash of those bytes while the file stays as it is, `trees`
tells names, entries and branches. All of it runs inside the job, on any Python ≥ 3.9.
"""

from __future__ import annotations

from automagic.rootfile.canonical import canonicalise
from automagic.rootfile.content import content_hash
from automagic.rootfile.layout import RootError, check
from automagic.rootfile.trees import Tree, first_numbers, trees

__all__ = ["RootError", "Tree", "canonicalise", "check", "content_hash", "first_numbers", "trees"]
