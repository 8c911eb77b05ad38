"""The certificate of a rerun: what was run again, on what, and whether each product came out the same.

Plain JSON with its keys in order, so that it can be signed as it is. Standard library only.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from automagic.job.again import DIFFERS, IDENTICAL, MISSING, Row
from automagic.job.steps import Step

FORM = 1
SAME_CONTENT = "identical in content"
VERDICTS = (IDENTICAL, SAME_CONTENT, DIFFERS, MISSING)
"""From the best to the worst."""

_SHOWN = ("task", "level", "name", "sha256", "now", "verdict", "reason", "differences")


def certificate(
    archive: dict[str, str], steps: Sequence[Step], rows: Sequence[Row], only: Sequence[str], apptainer: str
) -> dict[str, Any]:
    """Return the certificate of a rerun.

    Parameters
    ----------
    archive
        ``name`` and ``manifest_sha256``, the SHA-256 of its ``manifest-sha256.txt``: that names every file in it.
    steps
        What was run.
    rows
        What came of it.
    only
        Tasks that were asked for; none for all.
    apptainer
        What Apptainer says of its version.
    """
    count = Counter(row["verdict"] for row in rows)
    images = {s["image"]["partition_sha256"]: s["image"] for s in steps if s.get("image")}
    hosts = {s["environment"] for s in steps if not s.get("image")}
    files = {i["sha256"]: i["size"] for s in steps for i in s["inputs"] if i.get("from") is None}
    return {
        "certificate": FORM,
        "archive": archive,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "apptainer": apptainer,
        "images": [
            {key: images[digest].get(key) for key in ("name", "partition_sha256", "file_sha256")}
            for digest in sorted(images)
        ],
        "host_environments": sorted(hosts),
        "only": list(only),
        "inputs": {"files": len(files), "bytes": sum(files.values()), "all_as_recorded": True},
        "steps": len(steps),
        "summary": {verdict: count[verdict] for verdict in VERDICTS},
        "verdict": worst(rows),
        "products": [{key: row[key] for key in _SHOWN if row.get(key) not in (None, "", [])} for row in rows],
    }


def worst(rows: Sequence[Row]) -> str:
    """Return the worst verdict; with no product at all it is that something is missing."""
    return max((row["verdict"] for row in rows), key=VERDICTS.index, default=MISSING)


def machine() -> dict[str, str]:
    """Say what kind of machine this is; not which."""
    return {"system": platform.system(), "architecture": platform.machine(), "cpu": cpu()}


def cpu() -> str:
    """Return the name of this processor, as Linux tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def apptainer_version(program: str) -> str:
    """Return what Apptainer says of its version; an empty text where it is not there."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def write(told: dict[str, Any], path: Path) -> None:
    """Write a certificate, by one rename."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(new, path)


def summary(told: dict[str, Any]) -> list[str]:
    """Return the certificate's sum in a person's words."""
    count = told["summary"]
    parts = [f"{count[verdict]} {verdict}" for verdict in VERDICTS if count[verdict]]
    total = sum(count.values())
    inputs = told["inputs"]["files"]
    return [
        f"{told['archive']['name']}: {told['steps']} steps run again from {inputs} files in storage; "
        f"of {total} products {', '.join(parts) or 'none was made'}",
    ]
