"""The plan of an analysis: which tasks would run now, which might, which cannot, and what has brought that about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automagic.bookkeeping import catalog, stale
from automagic.plan.look import look

if TYPE_CHECKING:
    from automagic.runner.session import Session

RUN, WAIT, CANNOT, TAKE = "run", "wait", "cannot", "take"


@dataclass(frozen=True)
class Basis:
    """The analysis that one was derived from, for tasks that were never done here.

    Attributes
    ----------
    name
        Of the other analysis.
    reasons
        By task, in what it differs from the same one there; see `automagic.plan.diff.compare`.
    exports
        Folder of its catalog's exports, which know what jobs took there.
    """

    name: str
    reasons: dict[str, list[str]]
    exports: Path


@dataclass
class Plan:
    """What a run would do.

    Attributes
    ----------
    selected
        How many tasks it is about.
    states
        By name, upstream first, of the tasks that are not up to date: ``"run"``; ``"wait"`` (only a task before it
        has changed: it runs where that makes other bytes than before); ``"cannot"``; ``"take"`` (the shared store of
        the site has it).
    causes
        By name, why: numbers of `automagic.bookkeeping.stale.CAUSES`, the first one first; none where only tasks before
        it have changed.
    waits
        By name, the first task before it that is not up to date.
    problems
        By name, why it cannot run.
    found
        Tasks whose action the store has from an earlier time, or from a driver that died, in order.
    read
        Staging tasks whose files selected tasks read.
    staging
        All staging tasks that are selected.
    basis
        Where the analysis was derived from another one that is still there.
    taken
        Bytes and CPU time (s) of the tasks that are to be taken from the shared store, by name.
    """

    session: Session
    connection: Any
    selected: int = 0
    states: dict[str, str] = field(default_factory=dict)
    causes: dict[str, list[int]] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    staging: list[str] = field(default_factory=list)
    basis: Basis | None = None
    taken: dict[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def up_to_date(self) -> int:
        """How many of the tasks are up to date."""
        return self.selected - len(self.states)

    def names(self, state: str) -> list[str]:
        """Return the tasks in a state."""
        return [name for name, each in self.states.items() if each == state]

    def stages(self) -> Counter[str]:
        """Count the selected tasks by stage."""
        rows = self.connection.execute("SELECT stage, count(*) FROM g.tasks JOIN sel USING (position) GROUP BY stage")
        return Counter(dict(rows.fetchall()))

    def fresh_stages(self) -> Counter[str]:
        """Count by stage the tasks that nobody has to look at any more."""
        looked_at = Counter(name.partition(":")[0] for name in {*self.states, *self.found, *self.staging})
        return self.stages() - looked_at

    def made(self) -> dict[str, str]:
        """Return the action that was last done, by name, of the tasks that are affected."""
        rows = self.connection.execute("""
            SELECT task, action FROM made JOIN g.tasks USING (task) JOIN affected USING (position)
            WHERE made.recipe IS NOT NULL
        """)
        return dict(rows.fetchall())

    def close(self) -> None:
        """Let go of the catalog."""
        catalog.detach(self.connection)
        self.connection.close()


def make_plan(session: Session, names: Collection[str] | None = None, always: bool = False) -> Plan:
    """Find out what would run.

    Parameters
    ----------
    session
        The analysis; its graph is on disk (`Session.ask`).
    names
        Tasks that are asked for, with all that they need; `None` for all.
    always
        Whether tasks that are up to date are to run as well.

    Returns
    -------
    Plan
    """
    folder = session.folder
    connection = session.ask().connection.cursor()
    catalog.attach(connection, folder)
    stale.select(connection, None if names is None else list(names))
    plan = Plan(session, connection)
    plan.selected = connection.execute("SELECT count(*) FROM sel").fetchone()[0]
    _engines(connection, session)
    _staged(connection, session)
    newer = look(connection, session.hashes, folder.root)
    stale.narrow(connection, newer)
    stale.compare(connection)
    _walk(plan, always)
    for name in plan.taken:  # it is known what it will be, but it is not there yet
        session.forget(name)
    sql = "SELECT task FROM g.tasks JOIN sel USING (position) WHERE engine = 'stage' ORDER BY position"
    plan.staging = [row[0] for row in connection.execute(sql).fetchall()]
    rows = connection.execute("""
        SELECT DISTINCT t.task FROM g.inputs i JOIN sel USING (position) JOIN g.tasks t ON t.position = i.source
        WHERE t.engine = 'stage'
    """).fetchall()
    plan.read = {row[0] for row in rows}
    return plan


def _engines(connection: Any, session: Session) -> None:
    rows = connection.execute("SELECT DISTINCT engine FROM g.tasks JOIN sel USING (position) WHERE engine <> 'stage'")
    digests = [(engine, session.engine_digest(engine)) for (engine,) in rows.fetchall()]
    connection.execute("CREATE OR REPLACE TEMP TABLE digests (engine VARCHAR, digest VARCHAR)")
    for row in digests:
        connection.execute("INSERT INTO digests VALUES (?, ?)", row)


def _staged(connection: Any, session: Session) -> None:
    """Take the files of staging tasks that are known."""
    connection.execute("CREATE OR REPLACE TEMP TABLE brought (position INTEGER, name VARCHAR, sha256 VARCHAR)")
    sql = "SELECT task, position FROM g.tasks JOIN sel USING (position) WHERE engine = 'stage'"
    positions = dict(connection.execute(sql).fetchall())
    rows = []
    for name, task in session.load(positions).items():
        for source, about in zip(task.sources, session.staged.known(task) or (), strict=False):
            rows.append((positions[name], source.name, about.sha256))
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.execute("INSERT INTO brought SELECT unnest(?), unnest(?), unnest(?)", columns)


def _walk(plan: Plan, always: bool) -> None:
    """Go through the tasks that are affected, upstream first: some may be in the store all the same.

    A task all of whose inputs are up to date has an action; where the store has it whole, nothing is to be done.
    """
    connection, session = plan.connection, plan.session
    if always:
        connection.execute("CREATE OR REPLACE TEMP TABLE affected AS SELECT position, NULL::INTEGER AS cause, "
                           "NULL::INTEGER[] AS causes FROM sel")  # fmt: skip
    rows = connection.execute("""
        SELECT a.position, t.task, a.causes, t.engine, t.problem FROM affected a JOIN g.tasks t USING (position)
        ORDER BY a.position
    """).fetchall()
    if not rows:
        return
    before: dict[int, list[int]] = {}
    for position, source in connection.execute("""
        SELECT DISTINCT i.position, i.source FROM g.inputs i JOIN affected USING (position)
        WHERE i.source IN (SELECT position FROM affected) ORDER BY ALL
    """).fetchall():
        before.setdefault(position, []).append(source)
    names = {row[0]: row[1] for row in rows}
    never = stale.CAUSES.index("never")
    own = {stale.CAUSES.index(each) for each in ("never", "program", "engine", "promise")}
    empty = not session.folder.store.exists() and session.shared is None
    sql = "SELECT * FROM remembered WHERE path IN (SELECT path FROM g.inputs JOIN affected USING (position))"
    session.hashes.prime(connection.execute(sql).fetchall())
    roots = [row[1] for row in rows if row[0] not in before and not (empty and row[2] and never in row[2])]
    seed(plan, roots)
    unread, lacking = unread_tasks(plan), lacking_tasks(plan)
    for position, name, causes, engine, problem in rows:
        waits = (names[each] for each in before.get(position, ()))
        first = next((each for each in waits if plan.states.get(each, TAKE) != TAKE), None)
        if first is not None:
            plan.waits[name] = first
            cannot = plan.states[first] == CANNOT
            # with a change of its own it runs whatever comes from before it
            plan.states[name] = CANNOT if cannot or problem else RUN if own & set(causes or ()) else WAIT
            if cannot or problem:
                plan.problems[name] = problem or plan.problems[first]
        elif problem:
            plan.states[name], plan.problems[name] = CANNOT, problem
        elif name not in lacking and (
            (always and engine != "stage") or (empty and causes and never in causes) or name in unread
        ):
            plan.states[name] = RUN
        else:
            _judge(plan, name, always)
        if name in plan.states and causes:
            plan.causes[name] = causes


def _judge(plan: Plan, name: str, always: bool) -> None:
    """Ask for the action of a task whose inputs are all there, or are to be taken from the shared store."""
    standing = plan.session.standing(name)
    if standing.fresh:
        if plan.session.tasks[name].engine != "stage":
            plan.found.append(name)
    elif standing.problem:
        plan.states[name], plan.problems[name] = CANNOT, standing.problem
    elif always or not _take(plan, name, standing.action):
        plan.states[name] = RUN


def _take(plan: Plan, name: str, action: str | None) -> bool:
    """Tell whether the shared store has a task's action; what hangs on it is then judged by what that made."""
    session, task = plan.session, plan.session.tasks[name]
    if session.shared is None or action is None or task.engine == "stage":
        return False
    receipt = session.shared.look(action, task.outputs)
    if receipt is None:
        return False
    session.settle(name, action, receipt)
    plan.states[name] = TAKE
    plan.taken[name] = sum(int(each["size"]) for each in receipt["outputs"]), receipt.get("cpu_s") or 0.0
    return True


def unread_tasks(plan: Plan) -> set[str]:
    """Return the tasks that read a file which was never hashed and is too large to be read for a plan."""
    rows = plan.connection.execute("""
        SELECT DISTINCT t.task FROM g.inputs i JOIN affected USING (position) JOIN g.tasks t USING (position)
        WHERE i.path IS NOT NULL AND i.path NOT IN (SELECT path FROM hashed)
        AND i.path NOT IN (SELECT path FROM looked)
    """).fetchall()
    return {row[0] for row in rows}


def lacking_tasks(plan: Plan) -> set[str]:
    """Return the tasks that read a file which is gone, or cannot be read."""
    rows = plan.connection.execute("""
        SELECT DISTINCT t.task FROM g.inputs i JOIN affected USING (position) JOIN g.tasks t USING (position)
        JOIN looked ON looked.path = i.path AND looked.sha256 IS NULL
    """).fetchall()
    return {row[0] for row in rows}


def seed(plan: Plan, names: Iterable[str]) -> None:
    """Tell the session what is known to be up to date before these tasks, and load both."""
    from automagic.runner.session import Standing

    session, connection = plan.session, plan.connection
    rows = connection.execute("""
        SELECT t.task, m.action, list([p.name, p.size::VARCHAR, p.sha256])
        FROM (SELECT DISTINCT i.source AS position FROM g.inputs i JOIN affected a USING (position)
              WHERE i.source IS NOT NULL AND i.source NOT IN (SELECT position FROM affected)) s
        JOIN g.tasks t USING (position) JOIN made m USING (task) LEFT JOIN products p USING (task)
        WHERE t.engine <> 'stage' GROUP BY ALL
    """).fetchall()
    for task, action, products in rows:
        outputs = [{"name": n, "size": int(s), "sha256": h} for n, s, h in products if n is not None]
        session.know(task, Standing(action, {"state": "done", "outputs": outputs}))
    session.load([*names, *(row[0] for row in rows)])
