"""Which actions an analysis's archives consist of: a small file an archive, beside the journal.

They are no events of the journal, as the same state of an analysis gives the same archive, however often.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.stamp import next_stamp
from automagic.errors import UserError


def note(folder: Folder, output: str, digest: str, actions: Iterable[str]) -> None:
    """Keep that an archive was made.

    Parameters
    ----------
    output
        Where it was written.
    digest
        SHA-256 of its manifest.
    actions
        All that it consists of.
    """
    place = folder.journal / "archived"
    place.mkdir(exist_ok=True)
    path = place / f"{next_stamp(place)}-{digest[:12]}.json"
    new = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps({"output": output, "manifest_sha256": digest, "actions": sorted(actions)}, indent=1)
    new.write_text(text + "\n", encoding="utf-8")
    new.replace(path)


def actions(folder: Folder) -> set[str]:
    """Return all actions that are in an archive of the analysis.

    Raises
    ------
    UserError
        A note of an archive cannot be read: what is in it is not known.
    """
    found: set[str] = set()
    for path in sorted((folder.journal / "archived").glob("*.json")):
        try:
            found.update(map(str, json.loads(path.read_text(encoding="utf-8"))["actions"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} cannot be read, so it is not known what that archive consists of ({type(error).__name__})",
                hint="Put the file right, or remove it if the archive is not needed any more.",
            ) from None
    return found
