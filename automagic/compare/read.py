"""What one analysis has to compare: its settings, its numbers, its tables, and what it took."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from automagic.bookkeeping import Folder, catalog
from automagic.bookkeeping.origin import Origin, read_origin
from automagic.cards import read_text
from automagic.derive.edit import flat
from automagic.errors import UserError

_RESULTS = """
SELECT CASE WHEN count(*) OVER (PARTITION BY key) > 1 THEN key || '@' || substr(task, instr(task, ':') + 1)
            ELSE key END,
       value, error, unit, text
FROM results ORDER BY task, key
"""
"""Where several tasks have found the same (sources of a catalogue, periods), their names stand behind it."""

_TOOK = """
SELECT count(*) AS tasks, count(*) FILTER (t.state = 'done') AS done,
       count(*) FILTER (t.state = 'done' AND m.origin IS NULL) AS computed,
       count(*) FILTER (t.state = 'done' AND m.origin IS NOT NULL) AS taken,
       sum(coalesce(j.cpu_s, 0)) FILTER (t.state = 'done' AND m.origin IS NULL) AS cpu_s,
       sum(m.cpu_s) FILTER (t.state = 'done' AND m.origin IS NOT NULL) AS cpu_taken_s
FROM tasks t LEFT JOIN made m USING (task)
LEFT JOIN (SELECT action, arg_max(cpu_s, ended) AS cpu_s FROM jobs WHERE state = 'done' GROUP BY action) j
     ON j.action = t.action
WHERE t.engine <> 'stage'
"""

_FILES = "SELECT DISTINCT p.path, p.size FROM products p JOIN tasks t USING (task) WHERE t.state = 'done'"

_CARDS = "SELECT DISTINCT c.program, c.text FROM cards c JOIN tasks t USING (card) ORDER BY ALL"


_FAILED = "SELECT task, reason FROM tasks WHERE state = 'failed' ORDER BY position LIMIT 1"


@dataclass(frozen=True)
class Number:
    """A result: a number with its standard deviation and unit, or a word."""

    value: float | None
    error: float | None = None
    unit: str = ""
    text: str | None = None


@dataclass
class Side:
    """One of the analyses.

    Attributes
    ----------
    folder
        Where it is.
    label
        How it is called here: its name, or its path where two have the same.
    settings
        ``analysis.toml``, keys joined with dots.
    results
        By key, in order.
    took
        ``tasks done computed taken`` (numbers of tasks), ``cpu_s cpu_taken_s`` (s), ``size own_size`` (bytes).
    cards
        All values that a card key has, by program and key.
    runs
        The runs whose events are in it.
    origin
        What it was derived from.
    simulated
        Whether its events came from a simulation.
    """

    folder: Folder
    label: str
    settings: dict[str, Any]
    results: dict[str, Number]
    took: dict[str, Any]
    cards: dict[str, dict[str, set[str]]]
    runs: frozenset[int]
    origin: Origin | None = None
    simulated: bool = False
    notes: list[str] = field(default_factory=list)

    def json(self, step: str) -> dict[str, Any]:
        """Return what a science step has written as JSON; nothing where it has not."""
        try:
            found = json.loads((self.folder.root / "results" / f"{step}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def table(self, name: str) -> Any | None:
        """Return a table of ``results/`` as astropy's; `None` where it is not there."""
        from astropy.table import Table

        path = self.folder.root / "results" / f"{name}.ecsv"
        return Table.read(path, format="ascii.ecsv") if path.is_file() else None

    @cached_property
    def model(self) -> Any | None:
        """The fitted spectrum (`automagic.compare.spectrum.Model`); `None` where there is none."""
        from automagic.compare.spectrum import read_model

        return read_model(self.json("spectrum"))

    def value(self, key: str) -> Any | None:
        """Return the value of a key of ``analysis.toml``, or the default that counts where a card tells it."""
        if key in self.settings:
            return self.settings[key]
        section, _, rest = key.partition(".")
        program, _, name = rest.partition(".")
        found = self.cards.get(program, {}).get(name, set()) if section == "cards" else set()
        return _plain(next(iter(found))) if len(found) == 1 else None


def _plain(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def read_sides(folders: list[Path]) -> list[Side]:
    """Read analyses.

    Raises
    ------
    UserError
        One has never run, or there are fewer than two.
    """
    if len(set(folders)) < 2:
        raise UserError("there is nothing to compare", hint="Name at least two different analyses.")
    names = [folder.name for folder in folders]
    return [_read(Folder(each), each.name if names.count(each.name) == 1 else str(each)) for each in folders]


def _read(folder: Folder, label: str) -> Side:
    import tomllib

    try:
        settings = flat(tomllib.loads((folder.root / "analysis.toml").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder.root / 'analysis.toml'}: cannot be read: {error}") from None
    try:
        connection = catalog.connect(folder)
    except FileNotFoundError:
        raise UserError(f"{folder.name} has not run yet", hint=f"Run it: ./doit analysis={folder.label}") from None
    with connection:
        rows = connection.execute(_RESULTS).fetchall()
        cursor = connection.execute(_TOOK)
        names = [column[0] for column in cursor.description]
        took = dict(zip(names, cursor.fetchone(), strict=True))
        files = connection.execute(_FILES).fetchall()
        cards = connection.execute(_CARDS).fetchall()
        failed = connection.execute(_FAILED).fetchall()
        simulated = bool(connection.execute("SELECT 1 FROM tasks WHERE stage = 'sim' LIMIT 1").fetchall())
    took |= {"size": sum(size or 0 for _, size in files), "own_size": _own(folder, files)}
    results = {key: Number(value, error, unit or "", text) for key, value, error, unit, text in rows}
    values: dict[str, dict[str, set[str]]] = {}
    for program, text in cards:
        for key, value in read_text(text).items():
            values.setdefault(program, {}).setdefault(key, set()).add(value)
    side = Side(folder, label, settings, results, took, values, frozenset(), read_origin(folder), simulated)
    told = [side.json(step) for step in ("theta2", "spectrum", "lightcurve")]
    side.runs = frozenset(int(run) for each in told for run in each.get("runs", ()))
    side.simulated = simulated or any(each.get("simulated") is True for each in told)
    if took["done"] < took["tasks"]:
        why = f": {failed[0][0]} failed: {failed[0][1]}" if failed else ""
        left = took["tasks"] - took["done"]
        side.notes.append(f"{label} is not complete, {left} of {took['tasks']} tasks are not done{why}")
    return side


def _own(folder: Folder, files: list[tuple[str, int]]) -> int:
    """Return how much of the disk products take that nobody else shares (bytes)."""
    total = 0
    for path, _ in files:
        try:
            stat = (folder.root / path).stat()
        except OSError:
            continue
        total += stat.st_size if stat.st_nlink == 1 else 0
    return total
