"""Where things are in an analysis folder."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

ANALYSES = Path(__file__).resolve().parents[2] / "analyses"


@dataclass(frozen=True)
class Folder:
    """The layout of an analysis folder.

    >>> Folder(Path("/a")).action("abcdef").as_posix()
    '/a/store/ab/abcdef'
    """

    root: Path

    @property
    def name(self) -> str:
        """Name of the analysis."""
        return self.root.name

    @property
    def label(self) -> str:
        """How a command line names it, wherever that is typed: by its name in ``analyses/``, else by its path."""
        return self.name if self.root.parent == ANALYSES else shlex.quote(str(self.root))

    @property
    def store(self) -> Path:
        """One folder an action: products, card.rc, log.txt, receipt.json."""
        return self.root / "store"

    @property
    def failed(self) -> Path:
        """The same for what failed: no products, and a reason in the receipt."""
        return self.root / "failed"

    @property
    def work(self) -> Path:
        """Scratch folders of running jobs; empty when nothing runs."""
        return self.root / "work"

    @property
    def journal(self) -> Path:
        """What happened, a JSON-lines file a driver run, append-only."""
        return self.root / "journal"

    @property
    def graph(self) -> Path:
        """What the analysis asks for, as its last expansion said (`automagic.graph.asked`)."""
        return self.root / "journal" / "graph.duckdb"

    @property
    def lock(self) -> Path:
        """Held by the one driver that runs here."""
        return self.root / "journal" / "lock"

    @property
    def events(self) -> Path:
        """The journals of drivers that have ended, in columns; may be deleted at any time."""
        return self.root / "journal" / "events.parquet"

    @property
    def hashes(self) -> Path:
        """Hashes of files that were looked at; may be deleted at any time."""
        return self.root / "journal" / "hashes.parquet"

    @property
    def database(self) -> Path:
        """The catalog; derived, may be deleted at any time."""
        return self.root / "catalog.duckdb"

    @property
    def exports(self) -> Path:
        """The catalog's tables as Parquet."""
        return self.root / "catalog"

    def action(self, action: str) -> Path:
        """Return the folder of an action in the store."""
        return Path(self.action_path(action))

    def action_path(self, action: str) -> str:
        """Return the same as text: where there are very many, that counts."""
        return f"{self.root}/store/{action[:2]}/{action}"

    def failure(self, action: str) -> Path:
        """Return the folder where the last failure of an action is."""
        return Path(f"{self.root}/failed/{action[:2]}/{action}")
