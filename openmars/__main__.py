"""``python -m openmars PROGRAM …``: starts one program; nothing of the others is imported."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import tempfile
from pathlib import Path

PROGRAMS = {
    "sorcerer": "openmars.calib.sorcerer",
    "merpp": "openmars.merge.merpp",
    "star": "openmars.imaging.star",
    "superstar": "openmars.stereo.superstar",
    "selectmc": "openmars.stereo.selectmc",
    "coach": "openmars.models.coach",
    "melibea": "openmars.models.melibea",
    "quate": "openmars.quality.quate",
    "magic_dl3": "openmars.dl3.program",
    "openmars-sim": "openmars.sim.program",
}


def settle_environment() -> None:
    """One thread, and a cache for compiled functions that survives the process."""
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if "NUMBA_CACHE_DIR" not in os.environ:
        cache = Path(sys.prefix) / "numba-cache"
        if not os.access(sys.prefix, os.W_OK):
            cache = Path(tempfile.gettempdir()) / f"openmars-numba-cache-{os.getuid()}"
        os.environ["NUMBA_CACHE_DIR"] = str(cache / source_digest())


def source_digest() -> str:
    """Digest of all of openmars' Python: Numba itself looks only at the file of the function that it compiled,
    and would go on with the old code of those that it calls from other files."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def main() -> int:
    """Start the program named by the first word."""
    if len(sys.argv) < 2 or sys.argv[1] not in PROGRAMS:
        print(f"openmars: name one of the programs {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    settle_environment()
    name = sys.argv[1]
    program = importlib.import_module(PROGRAMS[name]).PROGRAM
    return program.run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
