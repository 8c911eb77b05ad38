"""The index as files: Parquet tables (zstd) in one folder, and ``index.json`` that says what they are of.

========  ==========================================================================================================
files     One row a file with a MAGIC name: where it is (folder, name), size, mtime_ns, place (online or tape), what
          the name says (`automagic.index.bulk.COLUMNS`), what the folder says (version, period, mc_version,
          folder_sample), and ``largest``, the largest size it ever had here. By level, run, telescope, subrun.
headers   One row a file whose inside was read, for this size and mtime_ns: position (deg), zenith and azimuth (deg),
          start and stop (UTC), events, the run's number, median current (nA), transmission of aerosols from 9 km
          (worst and mean), cloudiness (%), L3 rate (Hz), trigger table and kind, HV file and kind, version of MARS,
          lines of a report and how many are broken, or ``error``; the current against time
          (`automagic.index.light`).
subruns   One row a subrun of a run at a level and version: whether each telescope's file is there and its size (which
          remote storage may not tell), and whether its report is.
runs      One row a run at a level and version: what its files and headers say together.
mc_sets   One row a set of Monte Carlo (zenith range and geometry) at a level, of a period and simulation's version.
problems  One row a problem: kind, run, telescope, path, text in a person's words, level, first_seen (UTC).
unknown   One row a file whose name is none of MAGIC's, with the reason.
folders   One row a folder that was walked, for the next pass: inode and mtime_ns, 0 where it must be read again.
========  ==========================================================================================================

A table is replaced as a whole by a renamed file, ``folders`` last: a pass that dies is made good by the next one.
Passes take turns by a lock; where the folder cannot be locked, the last one counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FORM = 2
"""Raised whenever a table changes; an index of another form is made anew."""

FILES = """folder VARCHAR, name VARCHAR, size BIGINT, mtime_ns BIGINT, place VARCHAR, kind VARCHAR, level VARCHAR,
    night VARCHAR, run INTEGER, telescope TINYINT, subrun SMALLINT, source VARCHAR, wobble VARCHAR,
    zenith_min TINYINT, zenith_max TINYINT, geometry VARCHAR, mc_group INTEGER, last INTEGER, half TINYINT,
    sample VARCHAR, version VARCHAR, period VARCHAR, mc_version VARCHAR, folder_sample VARCHAR, largest BIGINT"""

HEADERS = """folder VARCHAR, name VARCHAR, size BIGINT, mtime_ns BIGINT, ra DOUBLE, dec DOUBLE, zenith_min DOUBLE,
    zenith_max DOUBLE, azimuth DOUBLE, start VARCHAR, stop VARCHAR, seconds DOUBLE, events BIGINT, run_inside BIGINT,
    dc_na DOUBLE, transmission DOUBLE, transmission_mean DOUBLE, cloudiness DOUBLE, rate DOUBLE,
    trigger_table VARCHAR, trigger VARCHAR, hv_file VARCHAR, hv VARCHAR, nsb DOUBLE, mars_version VARCHAR,
    lines BIGINT, broken BIGINT, error VARCHAR, dc_track VARCHAR"""

PROBLEMS = (
    """kind VARCHAR, run INTEGER, telescope TINYINT, path VARCHAR, text VARCHAR, level VARCHAR, first_seen VARCHAR"""
)

TABLES = {
    "files": FILES,
    "headers": HEADERS,
    "problems": PROBLEMS,
    "unknown": "folder VARCHAR, name VARCHAR, size BIGINT, mtime_ns BIGINT, reason VARCHAR",
    "folders": "path VARCHAR, inode UBIGINT, mtime_ns BIGINT, error VARCHAR",
}
"""The tables that a pass goes on from, as SQL says them; the others are made from these."""

ORDER = {
    "files": "level, run, telescope, subrun, name, folder",
    "headers": "folder, name",
    "problems": "run NULLS LAST, kind, telescope, path, text",
    "unknown": "folder, name",
    "folders": "path",
    "subruns": "run, level, version, subrun",
    "runs": "run, level, version",
    "mc_sets": "zenith_min, geometry, level, period, mc_version",
}


class Store:
    """The folder of an index.

    Attributes
    ----------
    folder
        Made when something is written.
    problem
        Why it cannot be written to, once that was tried.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem: str | None = None

    def path(self, table: str) -> Path:
        """Return where a table is."""
        return self.folder / f"{table}.parquet"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Wait for other passes over this index, and keep others waiting."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = open(self.folder / "lock", "a")  # noqa: SIM115 (closed below, after the lock)
        except OSError as error:
            self.problem = error.strerror or str(error)
            yield
            return
        with file:
            with contextlib.suppress(OSError):  # a file system without locks: the last pass counts
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    print(f"waiting: another process has the index {self.folder}", file=sys.stderr, flush=True)
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def state(self) -> dict[str, Any]:
        """Return what ``index.json`` says; empty where there is no index of this form."""
        try:
            state = json.loads((self.folder / "index.json").read_bytes())
        except (OSError, ValueError):
            return {}
        good = isinstance(state, dict) and state.get("form") == FORM
        return state if good and all(self.path(table).is_file() for table in ORDER) else {}

    def write(self, connection: Any, tables: list[str], state: dict[str, Any]) -> bool:
        """Write tables of a DuckDB connection; where that cannot be, keep why in `problem`."""
        import duckdb

        if self.problem is not None:
            return False
        try:
            with tempfile.TemporaryDirectory(prefix=".writing-", dir=self.folder) as temporary:
                for table in tables:
                    new = Path(temporary) / f"{table}.parquet"
                    words = f"COPY (FROM {table} ORDER BY {ORDER[table]}) TO '{_quoted(new)}'"
                    connection.execute(f"{words} (FORMAT parquet, COMPRESSION zstd)")
                (Path(temporary) / "index.json").write_text(json.dumps({**state, "form": FORM}, indent=1) + "\n")
                # what the next pass trusts comes last
                for table in sorted(tables, key=lambda name: name == "folders"):
                    os.replace(Path(temporary) / f"{table}.parquet", self.path(table))
                os.replace(Path(temporary) / "index.json", self.folder / "index.json")
            (self.folder / ".gitignore").write_text("# made anew from storage at any time\n*\n")
        except (OSError, duckdb.IOException) as error:
            self.problem = getattr(error, "strerror", None) or str(error)
            return False
        return True

    def read(self, connection: Any, table: str, name: str | None = None, had: bool = True) -> None:
        """Make a table of the index a table of a DuckDB connection, with a name; empty where there `had` been none."""
        name = name or table
        if had:
            source = f"read_parquet('{_quoted(self.path(table))}', hive_partitioning = false)"
            connection.execute(f"CREATE OR REPLACE VIEW {name} AS FROM {source}")
        else:
            connection.execute(f"CREATE OR REPLACE TABLE {name} ({TABLES[table]})")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
