"""From an analysis to the tasks that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automagic.graph.task import Input, Output, Resources, Task

if TYPE_CHECKING:
    from automagic.graph.expansion import Graph, expand

__all__ = ["Graph", "Input", "Output", "Resources", "Task", "expand"]


def __getattr__(name: str) -> Any:
    """Import on first use: whoever needs only `Task` does not wait for the rest."""
    if name in ("Graph", "expand"):
        from automagic.graph import expansion

        return getattr(expansion, name)
    raise AttributeError(name)
