"""From what a person types to an analysis and its tasks."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.graph.asked import Asked
from automagic.graph.identity import PROJECT


def here() -> Path:
    """Return the folder in which the person called ``./doit``, which itself moves to the project's."""
    return Path(os.environ.get("AUTOMAGIC_CALLED_FROM") or os.getcwd())


def analyses() -> list[str]:
    """List the names of the analyses in ``analyses/``."""
    return sorted(path.parent.name for path in (PROJECT / "analyses").glob("*/analysis.toml"))


def label(folder: Path) -> str:
    """Return how a person names an analysis: by its name in ``analyses/``, else by its path from where they are."""
    return folder.name if folder.parent == PROJECT / "analyses" else os.path.relpath(folder, here())


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the most similar of the known words, if any is similar."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def find_analysis(name: str) -> Path:
    """Return the folder of an analysis, given by its name or by any path to it.

    Raises
    ------
    UserError
        There is none; the message names the closest.
    """
    for folder in (PROJECT / "analyses" / name, here() / Path(name).expanduser()):
        if (folder / "analysis.toml").is_file():
            return folder.resolve()
    names = analyses()
    near = closest(name, names)
    raise UserError(
        f"there is no analysis {name!r}" + (f"; did you mean {near!r}?" if near else ""),
        hint=f"Here are {', '.join(names) or 'none yet'}; a path to a folder with an analysis.toml works as well.",
    )


def find_tasks(words: Iterable[str], tasks: Asked, folder: Path, others: Iterable[str]) -> list[str]:
    """Turn task names, stages, patterns and paths of products into names that doit knows.

    Parameters
    ----------
    tasks
        Of the analysis.
    folder
        The analysis folder.
    others
        Names of stages and of tasks outside the analysis.

    Raises
    ------
    UserError
        A word is none of these; the message names the closest.
    """
    words = list(words)
    known = {*tasks, *others} if words else set()  # there may be very many
    found = []
    for word in words:
        if word in known or "*" in word:
            found.append(word)
            continue
        places = (here() / word, folder / word, PROJECT / word)
        links = [os.path.relpath(os.path.normpath(place), folder) for place in places]
        owners = [owner for owner in map(tasks.owner, links) if owner is not None]
        if not owners:
            near = closest(word, known)
            raise UserError(
                f"there is no task or product {word!r}" + (f"; did you mean {near!r}?" if near else ""),
                hint=f"./doit list --all analysis={label(folder)} lists all tasks.",
            )
        found.append(owners[0])
    return found


def stages_of(tasks: Asked) -> list[str]:
    """List the stages of an analysis, in order."""
    rows = tasks.connection.execute("SELECT stage FROM g.tasks GROUP BY stage ORDER BY min(position)").fetchall()
    return [row[0] for row in rows]


def shared_of(analysis: str | None) -> dict[str, Any]:
    """Return what the site of an analysis, or of this folder, says of sharing; see `automagic.sharing.store.described`.

    Raises
    ------
    UserError
        There is no such analysis, or its ``site.toml`` is wrong.
    """
    from automagic.analysis.folder import load_site
    from automagic.sharing.store import described

    return described(load_site(here() if analysis is None else find_analysis(analysis)))
