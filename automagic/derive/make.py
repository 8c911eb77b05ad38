"""Makes analyses that differ from another in a few keys: each whole in a folder beside its place, then renamed."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from automagic.analysis import load
from automagic.analysis.sections import Document
from automagic.analysis.site import Site
from automagic.bookkeeping import Folder, Journal
from automagic.bookkeeping.adopt import give_back
from automagic.bookkeeping.origin import Change, Origin, event
from automagic.derive.ask import Child, Setting, check_sections
from automagic.derive.edit import change, read, remove
from automagic.derive.files import copy_files, settings_text
from automagic.derive.share import Shared, share
from automagic.errors import UserError
from automagic.job.publish import move, sync_folder
from automagic.runner.current import open_session
from automagic.runner.drive import about_driver
from automagic.runner.session import Session


@dataclass
class Made:
    """An analysis that is being made: where it will be, where it is, in what it differs, and what it has."""

    child: Child
    part: Path
    changes: tuple[Change, ...]
    notes: list[str]
    shared: Shared | None = None

    @property
    def folder(self) -> Path:
        """Where it will be."""
        return self.child.folder


@contextlib.contextmanager
def derive(parent: Path, children: list[Child]) -> Iterator[list[Made]]:
    """Make analyses in hidden folders beside their places; all are gone when the block ends, but for those kept.

    Parameters
    ----------
    parent
        Folder of the analysis that they come from.
    children
        What is to be made (`automagic.derive.ask.plan_children`).

    Yields
    ------
    list of Made
        For `keep`, which puts them in their places.

    Raises
    ------
    UserError
        The parent is not valid, a key or a value cannot be, or nothing would change.
    """
    load(parent)
    changed = {path: value for child in children for path, value in child.changes}
    check_sections([Setting(path) for path in changed], _names(Document), _names(Site))
    before = open_session(parent)
    made: list[Made] = []
    try:
        for child in children:
            part = child.folder.with_name(f".{child.folder.name}.{uuid.uuid4().hex[:8]}")
            made.append(_write(parent, child, part, made))
        for each in made:
            with _told_of(each):
                open_session(each.part)  # expanded: every key of all is checked before anything is shared
        for each in made:
            with _told_of(each):
                _fill(before, each)
        before.save_hashes()
        yield made
    except OSError as error:
        what = error.filename or children[0].folder.parent
        raise UserError(f"{what}: {error.strerror or error}", hint="Nothing was made; put that right, or give a path "
                        "to where you may write.") from None  # fmt: skip
    finally:
        for each in made:
            _take_away(each, before)


def _take_away(made: Made, before: Session) -> None:
    """Remove what was made and not kept; what the parent remembers of its files stays true."""
    if made.shared is not None and made.part.exists():
        for action in made.shared.actions:
            give_back(Folder(made.part).action(action), before.folder.action(action), before.hashes)
        before.save_hashes()
    shutil.rmtree(made.part, ignore_errors=True)


def _names(model: type) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]  # type: ignore[attr-defined]


def keep(made: list[Made]) -> None:
    """Put analyses in their places, each by one rename.

    Raises
    ------
    UserError
        Somebody else has made one of these folders meanwhile.
    """
    for each in made:
        if each.folder.exists():
            raise UserError(f"{each.folder} has just been made by somebody else", hint="Give another name.")
    for each in made:
        move(each.part, each.folder)
        sync_folder(each.folder.parent)


@contextlib.contextmanager
def _told_of(made: Made) -> Iterator[None]:
    """Have errors name the folder that will be, not the one in which it is being made."""
    try:
        yield
    except UserError as error:
        hint = error.hint and error.hint.replace(str(made.part), str(made.folder))
        raise UserError(error.message.replace(str(made.part), str(made.folder)), hint=hint) from None


def _write(parent: Path, child: Child, part: Path, made: list[Made]) -> Made:
    """Write the settings of a new analysis into a folder of its own, and read them as they will be read."""
    old = text = settings_text(parent)
    for path, value in child.changes:
        text = remove(text, path) if value is None else change(text, path, value.data, value.source)
    before, now = read(old), read(text)
    keys = [key for key in {**before, **now} if repr(before.get(key)) != repr(now.get(key))]
    changes = tuple(Change(key, plain(before.get(key)), plain(now.get(key))) for key in keys)
    if not changes or all(before.get(key) == now.get(key) for key in keys):
        name = ".".join(child.changes[0][0])
        raise UserError(f"nothing would change: {name} is {before.get(name)!r} in {parent.name} already")
    new = Made(child, part, changes, [])
    try:
        part.mkdir()
        with open(part / "analysis.toml", "w", encoding="utf-8", newline="") as file:
            file.write(_headline(parent, changes, text) + text)
        new.notes += copy_files(parent, part, child.folder)
        with _told_of(new):
            load(part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return new


def plain(value: object) -> object:
    """Return a value of TOML as JSON has it."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _headline(parent: Path, changes: tuple[Change, ...], text: str) -> str:
    """Return the comment that says where a file comes from."""
    newline = "\r\n" if "\r\n" in text else "\n"
    told = "; ".join(" ".join(str(each).split()) for each in changes)
    shown = "".join(letter for letter in f"# Derived from {parent.name}: {told}" if letter.isprintable())
    return shown + newline


def _fill(before: Session, made: Made) -> None:
    """Take over what is done already, and begin the journal."""
    session = open_session(made.part)
    folder = Folder(made.part)
    made.shared = shared = Shared()  # at once: what is broken off is taken away again
    share(session, before, shared)
    engines = {row[0] for row in session.ask().connection.execute("SELECT DISTINCT engine FROM g.tasks").fetchall()}
    origin = Origin(before.folder, made.changes, len(shared.tasks))
    journal = Journal(folder.journal, {"event": "start", **about_driver(session, engines - {"stage"})})
    journal.write(event(origin), *shared.events, {"event": "end", "code": 0})
    journal.close()
    session.save_hashes()
    session.ask().connection.close()
    folder.graph.unlink(missing_ok=True)  # it has the name of this folder in it
