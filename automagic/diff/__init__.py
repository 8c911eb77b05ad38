"""Where two files differ: the object, tree, branch, entry and value, or the same of other kinds of files.

Examples
--------
>>> import tempfile
>>> from pathlib import Path
>>> folder = Path(tempfile.mkdtemp())
>>> _ = (folder / "a.rc").write_text("MJStar.Level: 6\\nMJStar.Wobble: 1\\n")
>>> _ = (folder / "b.rc").write_text("MJStar.Level: 7\\nMJStar.Wobble: 1\\n")
>>> report = compare(folder / "a.rc", folder / "b.rc")
>>> report.verdict, report.lines
('differs', ["line 1: 'MJStar.Level: 6' in A, 'MJStar.Level: 7' in B"])
"""

from __future__ import annotations

from automagic.diff.compare import compare
from automagic.diff.report import CONTENT, DIFFERS, IDENTICAL, Report

__all__ = ["CONTENT", "DIFFERS", "IDENTICAL", "Report", "compare"]
