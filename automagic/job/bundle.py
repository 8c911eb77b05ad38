"""Make ``job.pyz``: the job and what it imports as one zip file, the same bytes from the same source."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
_MAIN = "import sys\nfrom automagic.job.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"


def content() -> bytes:
    """Return the bytes of ``job.pyz``."""
    sources = {"__main__.py": _MAIN.encode()}
    for pattern in ("__init__.py", "errors.py", "job/*.py", "rootfile/*.py"):
        for path in PACKAGE.glob(pattern):
            sources[f"automagic/{path.relative_to(PACKAGE).as_posix()}"] = path.read_bytes()
    buffer = io.BytesIO(b"")
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(sources):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, sources[name])
    return buffer.getvalue()


def bundle(folder: Path) -> Path:
    """Write ``job-<hash>.pyz`` into a folder, unless it is there, and return its path."""
    data = content()
    path = folder / f"job-{hashlib.sha256(data).hexdigest()[:16]}.pyz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(data)
        temporary.replace(path)
    return path
