"""What is up to date, found out the slow way: every file is read, every hash computed, nothing is remembered.

Plain Python without SQL and without a cache; of autoMAGIC it uses what an action is, and nothing else.

Of one thing it lets the plan decide. A receipt that is gone, or cannot be read, changes no result: its products are
there, and the journal has their hashes. So the plan, which looks at products and not at receipts, goes on calling such
a task up to date (``automagic audit`` reads receipts, and says how they are made again). But where something else makes
the driver look at that action in the store, it finds no whole entry, and the task is made again, with its receipt. Both
are right, and which one it is depends on what else has changed. Such tasks are `Verdict.unsure`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from automagic.graph.identity import action, engine_digest
from tests.plan.world import World, sha256


@dataclass
class Verdict:
    """Names of tasks that are up to date; actions of those whose inputs are; tasks for which it is not sure."""

    fresh: set[str] = field(default_factory=set)
    actions: dict[str, str] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)


def judge(world: World, said: set[str]) -> Verdict:
    """Find out what is up to date.

    Parameters
    ----------
    said
        The tasks that the plan calls up to date; only asked for those that are not sure.
    """
    found, made = Verdict(), {}
    tasks, told = world.tasks(), journal(world)
    digests = {
        name: engine_digest([world.programs(name)], sha256, python=name != "mars") for name in ("mars", "openmars")
    }
    for name, task in tasks.items():
        hashed = inputs(task, tasks, made)
        if hashed is None:
            continue
        found.actions[name] = identity = action(task, digests[task.engine], hashed)
        place = world.folder.action(identity)
        outputs = read_entry(place)
        if outputs is None and told.get(name, (None,))[0] == identity:
            outputs = told[name][1]
            if whole(place, outputs, task):
                found.unsure.add(name)
                if name not in said:
                    continue
        if outputs is not None and whole(place, outputs, task):
            found.fresh.add(name)
            made[name] = outputs
    return found


def inputs(task, tasks, made):
    """Return role, name and hash of all that a task reads; `None` where something is not there."""
    found = []
    for each in task.inputs:
        if each.task is None:
            try:
                found.append((each.role, each.name, sha256(Path(each.path))))
            except OSError:
                return None
            continue
        if each.task not in made:
            return None
        names = (each.name, f"{each.role}/{each.name}")
        products = [made[each.task][name] for name in names if name in made[each.task]]
        if products:
            found.append((each.role, each.name, products[0]))
        elif not any(o.optional for o in tasks[each.task].outputs if o.name in names):
            return None
    return found


def read_entry(place: Path):
    """Return the products of a receipt as hashes by name; `None` where there is none that can be read."""
    try:
        receipt = json.loads((place / "receipt.json").read_text())
        return {each["name"]: each["sha256"] for each in receipt["outputs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def whole(place: Path, outputs, task=None) -> bool:
    """Tell whether all products of an entry are there and are what they were, and all that a task promises."""
    if task is not None and any(not o.optional and o.name not in outputs for o in task.outputs):
        return False
    try:
        return all(sha256(place / name) == digest for name, digest in outputs.items())
    except OSError:
        return False


def journal(world: World):
    """Return action and products of what was last done, or found, for each task, as the journal tells."""
    told = {}
    for path in sorted(world.folder.journal.glob("*.jsonl")):
        for line in path.read_text(errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("event") in ("done", "found"):
                told[event["task"]] = event["action"], {o[0]: o[2] for o in event.get("outputs", ())}
    return told


def entries(world: World):
    """Return all that is whole, in the store or left by jobs in ``work/``: by action the names of its products."""
    places = [*world.folder.store.glob("*/*"), *world.folder.work.glob("*/done")]
    found = {}
    for place in places:
        outputs = read_entry(place)
        if outputs is not None and whole(place, outputs):
            identity = place.name if place.parent.parent == world.folder.store else json.loads(
                (place / "receipt.json").read_text())["action"]  # fmt: skip
            found.setdefault(identity, set()).update(outputs)
    return found
