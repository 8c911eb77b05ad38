"""Trees of ROOT files as dictionaries of arrays: what the programs read and write.

Reading takes the quick way for plain trees and uproot for all others (files of MARS itself have branches of
objects). Errors are `openmars.core.errors.InputError` and name the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from openmars.core.errors import InputError

from .rootread import NotPlain, RootReader
from .rootwrite import Column, Jagged, RootWriter

LEVEL_MARKS = (
    ("melibea", ("MHadronness", "MStereoParDisp", "MEnergyEst")),
    ("superstar", ("MHillas_1", "MHillas_2", "MStereoPar")),
    ("star", ("MHillas",)),
    ("calibrated", ("MCerPhotEvt",)),
    ("raw", ("MRawEvtData",)),
)
"""Containers of the tree `Events` by which the level of a file is known, the highest level first."""


def write_root(
    path: str | Path,
    trees: Mapping[str, Mapping[str, Column]],
    objects: Mapping[str, str] | None = None,
    level: int = 1,
) -> None:
    """Write trees and texts into a ROOT file; the same content gives the same bytes.

    Parameters
    ----------
    path
        The file; it appears when it is complete and replaces an existing one.
    trees
        For each tree its branches: arrays of shape [n] or [n, width], text arrays, or `Jagged`.
    objects
        Texts to store by name (``TObjString``), such as the card.
    level
        ZSTD level, 0 for none.
    """
    with RootWriter(path, level=level) as out:
        for name, text in (objects or {}).items():
            out.text(name, text)
        for tree, columns in trees.items():
            out.extend(tree, columns)


def update_root(
    path: str | Path,
    trees: Mapping[str, Mapping[str, Column]],
    objects: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
) -> None:
    """Add trees and texts to a ROOT file of openmars; those of the same names are replaced, all others stay.

    A new file is written beside it and takes its name when it is complete.

    Parameters
    ----------
    path
        The file.
    trees, objects
        As for `write_root`.
    without
        Names of what is taken out.

    Raises
    ------
    InputError
        If it is not a whole file, or not one that openmars wrote.
    """
    try:
        old = RootReader(path)
        records = old.records()
    except NotPlain as error:
        raise InputError(f"{path}: trees can be added to files of openmars only: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (ValueError, struct.error, IndexError) as error:
        raise InputError(f"{path}: cannot be read: {error or 'it is damaged'}") from None
    gone = {*trees, *(objects or {}), *without}
    with RootWriter(path) as out:
        out.go_on(records, [key for name, key in old.raw_keys.items() if name not in gone])
        for name, text in (objects or {}).items():
            out.text(name, text)
        for tree, columns in trees.items():
            out.extend(tree, columns)


class RootInput:
    """One ROOT file to read from.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        If it is missing, no ROOT file, truncated or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._quick: RootReader | None = None
        self._slow: Any = None
        try:
            self._quick = RootReader(self.path)
        except NotPlain:
            self._open_slow()
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from None
        except (ValueError, struct.error, IndexError) as error:
            raise InputError(f"{self.path}: cannot be read: {error or 'it is damaged'}") from None

    def _open_slow(self) -> Any:
        if self._slow is None:
            import uproot

            try:
                self._slow = uproot.open(self.path)
            except Exception as error:  # uproot raises many kinds for damaged files
                raise InputError(f"{self.path}: cannot be read: {str(error).splitlines()[0]}") from None
        return self._slow

    def trees(self) -> list[str]:
        """Names of the trees."""
        if self._quick is not None:
            return self._quick.trees()
        classes = self._open_slow().classnames(cycle=False)
        return [name for name, kind in classes.items() if kind == "TTree"]

    def branches(self, tree: str) -> list[str]:
        """Names of the branches of a tree."""
        if self._quick is not None:
            try:
                return list(self._quick.branches(tree))
            except KeyError:
                raise self._no_tree(tree) from None
            except NotPlain:
                pass
            except (ValueError, struct.error, IndexError):
                raise self._damaged(tree) from None
        if tree not in self.trees():
            raise self._no_tree(tree)
        return [name.rsplit("/", 1)[-1] for name in self._open_slow()[tree].keys()]  # noqa: SIM118

    def entries(self, tree: str) -> int:
        """Number of entries of a tree."""
        names = self.branches(tree)
        if self._quick is not None:
            try:
                return self._quick.branches(tree)[names[0]].entries
            except NotPlain:
                pass
        return int(self._open_slow()[tree].num_entries)

    def read(
        self, tree: str, branches: Iterable[str] | None = None, start: int = 0, stop: int | None = None
    ) -> dict[str, Any]:
        """Branches of a tree as arrays.

        Parameters
        ----------
        tree
            Its name.
        branches
            Which; None for all (without the counters of jagged ones).
        start, stop
            Entries to read; all by default.

        Returns
        -------
        dict
            Array of shape [n] or [n, width] by branch; `Jagged` where the entries differ in length.

        Raises
        ------
        InputError
            If tree or branch are missing or damaged.
        """
        present = self.branches(tree)
        if branches is None:
            counters = {f"n{name}" for name in present}
            branches = [name for name in present if name not in counters]
        wanted = list(branches)
        for name in wanted:
            if name not in present:
                raise InputError(f"{self.path}: the tree {tree} has no branch {name}")
        return {name: self._read(tree, name, start, stop) for name in wanted}

    def _read(self, tree: str, name: str, start: int, stop: int | None) -> Any:
        if self._quick is not None:
            try:
                return self._quick.read(tree, name, start, stop)
            except NotPlain:
                pass
            except (ValueError, struct.error, IndexError):
                raise self._damaged(f"{tree}/{name}") from None
        try:
            return self._open_slow()[tree][name].array(library="np", entry_start=start, entry_stop=stop)
        except Exception as error:  # as above
            raise InputError(f"{self.path}: {tree}/{name}: {str(error).splitlines()[0]}") from None

    def texts(self) -> dict[str, str]:
        """Texts that were stored by name."""
        if self._quick is not None:
            return self._quick.texts()
        file = self._open_slow()
        names = [n for n, kind in file.classnames(cycle=False).items() if kind == "TObjString"]
        return {name: str(file[name]) for name in names}

    def level(self) -> str:
        """One of raw, calibrated, star, superstar, melibea, by the containers in `Events`.

        Source: the readers of MAGIC files tell the levels apart in this way (ctapipe_io_magic).
        """
        if "Events" not in self.trees():
            raise self._no_tree("Events")
        containers = {name.split(".", 1)[0] for name in self.branches("Events")}
        for level, marks in LEVEL_MARKS:
            if all(mark in containers for mark in marks):
                return level
        raise InputError(f"{self.path}: its events are of no known level")

    def _no_tree(self, tree: str) -> InputError:
        return InputError(f"{self.path}: it has no tree {tree}; it has {', '.join(self.trees()) or 'none'}")

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self.path}: {what} is damaged")


@lru_cache(maxsize=4)
def _opened(path: Path, size: int, changed: int) -> RootInput:
    """The file is opened once for several calls of `read_tree`."""
    return RootInput(path)


def open_root(path: str | Path) -> RootInput:
    """Open a ROOT file for reading; see `RootInput`."""
    try:
        status = Path(path).stat()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    return _opened(Path(path), status.st_size, status.st_mtime_ns)


def read_tree(path: str | Path, tree: str, branches: Iterable[str] | None = None) -> dict[str, Any]:
    """Branches of a tree of a file as arrays; see `RootInput.read`."""
    return open_root(path).read(tree, branches)


def tree_names(path: str | Path) -> list[str]:
    """Names of the trees of a file."""
    return open_root(path).trees()


def level(path: str | Path) -> str:
    """Level of a file: raw, calibrated, star, superstar or melibea."""
    return open_root(path).level()


__all__ = [
    "Column",
    "Jagged",
    "RootInput",
    "RootWriter",
    "level",
    "open_root",
    "read_tree",
    "tree_names",
    "update_root",
    "write_root",
]
