"""What an analysis asks for: all its tasks in one file, of which a reader takes only what it needs.

The file (``journal/graph.duckdb``) is made anew and put in place whole whenever the analysis asks for something else;
nobody ever writes into one that others may read. It is derived: without it the analysis is expanded again.

========  ==========================================================================================================
tasks     One row a task, ``position`` in topological order: task, stage, program, engine, recipe (`identity.recipe`),
          card (hash of its text), form (hash of its one form), problem, doc (all the rest, `automagic.graph.pack`);
          executable, arguments (quoted as for a shell) and resources for the catalog.
inputs    One row an input: position; role, name; source (position of the task that makes it) and product (name among
          that task's outputs), or path (absolute) of a file in storage; optional (the product may be lacking).
outputs   One row an output: position, name, level, link, optional.
cards     Texts of cards by their hash.
conditions, files  For the catalog, which has them as they are here.
about     Key and value: ``content`` (hash of all that the catalog takes from here), ``key`` (what the file was made
          from, see `automagic.runner.current`), ``engine``, and ``notes``, ``runs``, ``mc_sets``, ``selection`` (JSON).
========  ==========================================================================================================
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from automagic.graph.identity import card_form, recipe
from automagic.graph.pack import pack, unpack
from automagic.graph.task import Input, Output, Task

FORM = "1"
"""Raised whenever a table changes; a file of another form is made anew."""

_TABLES = """
CREATE TABLE tasks (position INTEGER, task VARCHAR, stage VARCHAR, program VARCHAR, engine VARCHAR, recipe VARCHAR,
    card VARCHAR, form VARCHAR, problem VARCHAR, doc VARCHAR, executable VARCHAR, arguments VARCHAR, cores INTEGER,
    memory_mb INTEGER, disk_mb INTEGER, minutes DOUBLE);
CREATE TABLE inputs (position INTEGER, role VARCHAR, name VARCHAR, source INTEGER, product VARCHAR, path VARCHAR,
    optional BOOLEAN);
CREATE TABLE outputs (position INTEGER, name VARCHAR, level VARCHAR, link VARCHAR, optional BOOLEAN);
CREATE TABLE cards (card VARCHAR, text VARCHAR);
CREATE TABLE conditions (task VARCHAR, key VARCHAR, value VARCHAR, number DOUBLE);
CREATE TABLE files (path VARCHAR, name VARCHAR, level VARCHAR, run BIGINT, telescope INTEGER);
CREATE TABLE about (key VARCHAR, value VARCHAR);
"""

_LOAD = """
SELECT task, stage, program, engine, problem, coalesce(text, ''), doc
FROM g.tasks LEFT JOIN g.cards USING (card) {where} ORDER BY position
"""


def quoted(text: Path | str) -> str:
    """Return a path or a text in SQL, for what takes no values: without the quotes around it."""
    return str(text).replace("'", "''")


class Asked(Mapping[str, Task]):
    """The tasks of an analysis by name, upstream first; each is read when it is asked for.

    `connection` has the tables, attached as ``g``.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    FileNotFoundError
        There is none, or none that can be read.
    """

    def __init__(self, path: Path) -> None:
        import duckdb

        if not path.exists():
            raise FileNotFoundError(path)
        self.path = path
        self._known: dict[str, Task] = {}
        self._whole = False
        self._names: dict[str, int] | None = None
        self._about: dict[str, str] | None = None
        self._connection: Any = None
        try:
            form = self.about("form")
        except duckdb.Error as error:
            raise FileNotFoundError(path) from error
        if form != FORM:
            raise FileNotFoundError(path)

    @property
    def connection(self) -> Any:
        """A database in memory with the file attached."""
        import duckdb

        if self._connection is None:
            self._connection = duckdb.connect()
            self._connection.execute(f"ATTACH '{quoted(self.path)}' AS g (READ_ONLY)")
        return self._connection

    def forget(self) -> None:
        """Let go of all that was read: a driver that runs for days needs little of it again."""
        self._known, self._whole, self._names = {}, False, None
        self.connection.close()
        self._connection = None

    def about(self, key: str) -> str | None:
        """Return what the file says about itself."""
        if self._about is None:
            self._about = dict(self.connection.execute("SELECT key, value FROM g.about").fetchall())
        return self._about.get(key)

    @property
    def names(self) -> dict[str, int]:
        """Position by name, in order."""
        if self._names is None:
            rows = self.connection.execute("SELECT task, position FROM g.tasks ORDER BY position").fetchall()
            self._names = dict(rows)
        return self._names

    def __len__(self) -> int:
        """Count the tasks."""
        return int(self.connection.execute("SELECT count(*) FROM g.tasks").fetchone()[0])

    def __iter__(self) -> Iterator[str]:
        """Go through the names in order."""
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a task."""
        return name in self._known or name in self.names

    def __getitem__(self, name: str) -> Task:
        """Return a task."""
        if name not in self._known:
            self.load([name])
        return self._known[name]

    def values(self) -> Any:
        """Return all tasks, in order."""
        return self._all().values()

    def items(self) -> Any:
        """Return all names and tasks, in order."""
        return self._all().items()

    def _all(self) -> dict[str, Task]:
        if not self._whole:
            self._known = self._read("", [])
            self._whole = True
        return self._known

    def load(self, names: Iterable[str]) -> dict[str, Task]:
        """Return tasks by name, in order; all at once is faster than one by one."""
        wanted = list(dict.fromkeys(names))
        lacking = [name for name in wanted if name not in self._known]
        if 2 * len(lacking) > len(self):
            self._all()
        elif lacking:
            self._known |= self._read("WHERE task IN (SELECT unnest(?))", [lacking])
        return {name: self._known[name] for name in wanted}

    def _read(self, where: str, values: list[Any]) -> dict[str, Task]:
        cursor = self.connection.cursor().execute(_LOAD.format(where=where), values)
        found: dict[str, Task] = {}
        while rows := cursor.fetchmany(5000):
            for row in rows:
                found[row[0]] = unpack(*row)
        return found

    def matching(self, word: str) -> list[str]:
        """Return the tasks that a word means: a name, a stage or a pattern with ``*``."""
        if word in self.names:
            return [word]
        return [name for name in self.names if name.startswith(f"{word}:") or fnmatchcase(name, word)]

    def owner(self, link: str) -> str | None:
        """Return the task that makes what lies under a name for people, relative to the analysis folder."""
        sql = "SELECT task FROM g.outputs JOIN g.tasks USING (position) WHERE link = ?"
        row = self.connection.execute(sql, [link]).fetchone()
        return None if row is None else row[0]


def save(path: Path, tasks: Mapping[str, Task], about: Mapping[str, Any]) -> bool:
    """Write what an analysis asks for; tell whether it differs from what is there.

    Parameters
    ----------
    path
        The file.
    tasks
        By name, each after those whose outputs it reads.
    about
        ``key``, ``engine``, and rows for the catalog: ``notes``, ``runs``, ``mc_sets``, ``selection``.
    """
    facts = {name: value if isinstance(value, str) else _json(value) for name, value in about.items()}
    rows = _rows(tasks)
    digest = hashlib.sha256(_json([facts.get(key) for key in _TOLD]).encode())
    for row in zip(*(rows[column] for column in _IDENTITY), strict=True):
        digest.update(repr(row).encode())
    facts |= {"form": FORM, "content": digest.hexdigest()}
    try:
        there = dict(Asked(path).connection.execute("SELECT key, value FROM g.about").fetchall())
    except FileNotFoundError:
        there = {}
    if there == facts:
        return False
    _write(path, tasks, rows, facts)
    return True


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


_IDENTITY = ("task", "stage", "program", "engine", "recipe", "card", "problem", "doc")
_TOLD = ("engine", "notes", "runs", "mc_sets", "selection")
"""What else the catalog is made from: where that changes, so does the content."""

_COLUMNS = (
    "task", "stage", "program", "engine", "recipe", "card", "form", "problem", "doc", "executable", "arguments",
    "cores", "memory_mb", "disk_mb", "minutes",
)  # fmt: skip


def _rows(tasks: Mapping[str, Task]) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {column: [] for column in _COLUMNS}
    hashes: dict[str, str] = {}
    for task in tasks.values():
        if task.card and task.card not in hashes:
            hashes[task.card] = hashlib.sha256(task.card.encode()).hexdigest()
        r = task.resources
        made = (
            task.name, task.stage, task.program, task.engine, recipe(task), hashes.get(task.card), card_form(task.card),
            task.problem, pack(task), task.executable, shlex.join(task.arguments), r.cores, r.memory_mb, r.disk_mb,
            r.minutes,
        )  # fmt: skip
        for column, value in zip(_COLUMNS, made, strict=True):
            rows[column].append(value)
    return rows


def _conditions(task: Task) -> Iterator[tuple]:
    for key, value in task.conditions.items():
        number = float(value) if isinstance(value, int | float) else None
        yield task.name, key, value if isinstance(value, str) else json.dumps(value), number


def _files(tasks: Mapping[str, Task]) -> list[tuple]:
    rows = {}
    for task in tasks.values():
        for each in task.inputs:
            if each.path is not None:
                checks = each.checks
                level = checks.get("level") or each.role
                rows[each.path] = (each.path, each.name, level, checks.get("run"), checks.get("telescope"))
    return list(rows.values())


def _write(path: Path, tasks: Mapping[str, Task], rows: dict[str, list[Any]], facts: Mapping[str, str]) -> None:
    import duckdb
    import pyarrow as pa

    position = {name: number for number, name in enumerate(rows["task"])}
    numbers, text, truth = pa.int32(), pa.string(), pa.bool_()
    cards = {card: tasks[name].card for name, card in zip(rows["task"], rows["card"], strict=True) if card}
    tables: dict[str, list[Any]] = {
        "tasks": [position.values(), *rows.values()],
        "inputs": _columns([_input(tasks, position, task, i) for task in tasks.values() for i in task.inputs]),
        "outputs": _columns(
            [
                (position[task.name], o.name, o.level, o.link, o.optional)
                for task in tasks.values()
                for o in task.outputs
            ]
        ),
        "cards": _columns(list(cards.items())),
        "conditions": _columns([row for task in tasks.values() for row in _conditions(task)]),
        "files": _columns(_files(tasks)),
        "about": _columns(sorted(facts.items())),
    }
    types = {
        "tasks": [numbers, *[text] * 11, numbers, numbers, numbers, pa.float64()],
        "inputs": [numbers, text, text, numbers, text, text, truth],
        "outputs": [numbers, text, text, text, truth],
        "cards": [text, text],
        "conditions": [text, text, text, pa.float64()],
        "files": [text, text, text, pa.int64(), numbers],
        "about": [text, text],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    try:
        _fill(new, tables, types)
    except duckdb.Error as error:
        new.unlink(missing_ok=True)
        full = shutil.disk_usage(path.parent).free < 10_000_000
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error).splitlines()[0], str(path)) from None
    new.replace(path)


def _fill(path: Path, tables: Mapping[str, list[Any]], types: Mapping[str, list[Any]]) -> None:
    import duckdb
    import pyarrow as pa

    small = " (BLOCK_SIZE 16384)" if len(tables["tasks"][0]) < 5000 else ""  # else even one task takes 2 MB
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute(f"ATTACH '{quoted(path)}' AS graph{small}; USE graph;")
        connection.execute(_TABLES)
        for table, columns in tables.items():
            if columns:
                arrays = [pa.array(column, kind) for column, kind in zip(columns, types[table], strict=True)]
                connection.register("content", pa.table(arrays, names=[str(n) for n in range(len(arrays))]))
                connection.execute(f"INSERT INTO {table} SELECT * FROM content")  # noqa: S608 (names of our own)
        connection.execute("CHECKPOINT graph")  # so that a full disk is told


def _columns(rows: list[tuple]) -> list[tuple]:
    return list(zip(*rows, strict=True))


def _input(tasks: Mapping[str, Task], position: Mapping[str, int], task: Task, each: Input) -> tuple:
    """Return a row of ``inputs``; where a task makes the file, it names the output that is meant."""
    if each.task is None:
        return position[task.name], each.role, each.name, None, None, each.path, False
    product = find_output(tasks[each.task], each)
    name, optional = (each.name, False) if product is None else (product.name, product.optional)
    return position[task.name], each.role, each.name, position[each.task], name, None, optional


def find_output(task: Task, each: Input) -> Output | None:
    """Return the output of a task that is another's input; `None` where it makes none of that name."""
    names = (each.name, f"{each.role}/{each.name}")
    found = [output for name in names for output in task.outputs if output.name == name]
    return found[0] if found else None
