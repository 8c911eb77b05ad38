"""What the plan of a derived analysis tells of the other one: in what they differ, and what jobs took there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automagic.bookkeeping.origin import read_origin
from automagic.errors import UserError
from automagic.plan.diff import compare
from automagic.plan.plan import Basis
from automagic.runner.current import open_session

if TYPE_CHECKING:
    from automagic.runner.session import Session


def basis_of(session: Session) -> Basis | None:
    """Return the analysis that one was derived from, where that is still there and can be read."""
    origin = read_origin(session.folder)
    if origin is None or not (origin.folder.root / "analysis.toml").is_file():
        return None
    try:
        return make_basis(session, open_session(origin.folder.root))
    except (UserError, OSError):
        return None


def make_basis(session: Session, other: Session) -> Basis:
    """Compare an analysis with the one that it was derived from."""
    told = compare(other, session)
    reasons = {each["task"]: each["reasons"] for each in told["differ"]}
    return Basis(other.folder.name, reasons, other.folder.exports)
