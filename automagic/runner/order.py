"""The order of the tasks: each is given once all that it needs are over."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from automagic.graph.task import Task


@dataclass(slots=True)
class Node:
    """A task on its way.

    Attributes
    ----------
    task
        The task.
    status
        ``"run"`` while it is under way; ``"done"``, ``"up to date"`` or ``"failed"`` when it is over.
    left
        How many of the tasks before it are not over yet.
    bad
        The first of them that failed.
    """

    task: Task
    status: str = ""
    left: int = 0
    bad: str = ""


class Order:
    """The selected tasks in their order.

    Parameters
    ----------
    tasks
        All of them by name, each after those whose outputs it reads.
    selected
        Names of those to go through, with all that they need.

    Examples
    --------
    >>> star, dl3 = Task("star:1", "star", "star", "mars", "star"), Task("dl3:1", "dl3", "dl3", "mars", "dl3")
    >>> order = Order({"star:1": star, "dl3:1": dl3}, {"star:1", "dl3:1"})
    >>> order.next().task.name, order.next().task.name, order.next()
    ('star:1', 'dl3:1', None)
    """

    def __init__(self, tasks: Mapping[str, Task], selected: Collection[str]) -> None:
        self._after: dict[str, list[Node]] = {}
        self._ready: deque[Node] = deque()
        self.open = 0
        for name, task in tasks.items():
            if name not in selected:
                continue
            before = [each for each in task.upstream if each in selected]
            node = Node(task, left=len(before))
            self.open += 1
            for each in before:
                self._after.setdefault(each, []).append(node)
            if not before:
                self._ready.append(node)

    def next(self) -> Node | None:
        """Return a task that is ready, or `None` where all that are left wait for others."""
        return self._ready.popleft() if self._ready else None

    def over(self, node: Node) -> None:
        """Take note that a task is over."""
        self.open -= 1
        for other in self._after.pop(node.task.name, ()):
            other.left -= 1
            if node.status == "failed":
                other.bad = other.bad or node.task.name
            if other.left == 0:
                self._ready.append(other)


def depths(tasks: Mapping[str, Task]) -> dict[str, float]:
    """Return how long a chain of tasks hangs on each: the longest goes first, so that no core waits at the
    end.

    Parameters
    ----------
    tasks
        By name, each after those whose outputs it reads.
    """
    depth = dict.fromkeys(tasks, 0.0)
    for name in reversed(list(tasks)):
        for before in tasks[name].upstream:
            if before in depth:
                depth[before] = max(depth[before], depth[name] + 1)
    return depth
