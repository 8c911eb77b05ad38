"""What a person is told of an analysis that was derived: in what it differs, what it has, what would run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from automagic.bookkeeping import Folder, catalog
from automagic.derive.basis import make_basis
from automagic.derive.make import Made
from automagic.plan import make_plan
from automagic.plan import text as plan_text
from automagic.plan.look import human
from automagic.runner.current import open_session


def lines(parent: Path, made: Made, dry: bool = False, whole: bool = False) -> Iterator[str]:
    """Yield line by line what was made, and the plan of it.

    Parameters
    ----------
    dry
        Whether it is not in its place.
    whole
        Whether every task is named.
    """
    name, before = made.folder.name, parent.name
    yield f"{name}{' would differ' if dry else ' differs'} from {before} in"
    yield from (f"  {each}" for each in made.changes)
    yield from made.notes
    shared = made.shared
    if shared is not None and shared.tasks:
        copied = shared.size - shared.linked
        how = "linked: it takes no more place" if not copied else f"{human(copied)} of it copied"
        yield (
            f"{len(shared.tasks)} finished tasks {'would be' if dry else 'are'} taken from {before}: "
            f"{human(shared.size)}, {how}; {plan_text.spent(shared.cpu_s)} that need not be spent again"
        )
    for task, why in list(shared.refused.items() if shared is not None else ())[: plan_text.FEW]:
        yield f"{task} is not taken from {before}: {why}"
    yield ""
    session = open_session(made.part if dry else made.folder)
    session.ask()
    catalog.rebuild(session.folder)
    plan = make_plan(session)
    plan.basis = make_basis(session, open_session(parent))
    try:
        label = Folder(made.folder).label
        yield from (line.replace(session.folder.name, name) for line in plan_text.lines(plan, label, whole))
    finally:
        plan.close()
        session.save_hashes()
