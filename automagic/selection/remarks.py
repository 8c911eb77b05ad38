"""What is unusual about a run that is taken nevertheless."""

from __future__ import annotations

import re

from automagic.index.runs import Run
from automagic.naming import DataName
from automagic.naming.names import PER_TELESCOPE

_SAID_HERE = re.compile(r"there are \d+ versions|go to subrun \d+ but lack|M1 has \d+ .* subruns and M2 has \d+")
"""What the index says of versions and subruns; it is said here of the files that are taken."""


def remarks(run: Run) -> list[str]:
    """Say what is unusual about a run: versions, subruns that one telescope or both lack, what the index found.

    Returns
    -------
    list of str
        Sentences without the run's number.
    """
    said = []
    if len(run.versions) > 1:
        said.append(f"storage has the versions {', '.join(run.versions)}; {run.version} is taken")
    if run.level in PER_TELESCOPE:
        said += _subruns(run)
    found = (problem.removeprefix(f"run {run.run:08d}: ") for problem in run.problems)
    return [*said, *(problem for problem in found if not _SAID_HERE.search(problem))]


def _subruns(run: Run) -> list[str]:
    present = {
        t: {f.name.subrun for f in run.of(t) if isinstance(f.name, DataName) and f.name.subrun is not None}
        for t in (1, 2)
    }
    either = present[1] | present[2]
    said = []
    for telescope, subruns in present.items():
        lacking = sorted(either - subruns)
        if lacking:
            words = ", ".join(f"{subrun:03d}" for subrun in lacking)
            said.append(f"M{telescope} lacks subrun {words}; its events have no partner")
    gap = sorted(set(range(1, max(either) + 1)) - either) if either else []
    if gap:
        said.append(f"neither telescope has subrun {', '.join(f'{subrun:03d}' for subrun in gap)}")
    return said
