"""Reading an analysis folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from automagic.analysis.explain import explain
from automagic.analysis.sections import Data, Document, LightCurve, Reconstruction, Source, Spectrum, Theta2
from automagic.analysis.site import Site
from automagic.errors import UserError


@dataclass(frozen=True)
class Analysis:
    """An analysis as a person asked for it, checked.

    Attributes
    ----------
    folder
        The analysis folder, absolute.
    kind, engine
        What kind of analysis, with which programs.
    source, data, cards, reconstruction, spectrum, lightcurve, theta2
        The sections of ``analysis.toml``; `cards` is overrides by program and key.
    site
        What ``site.toml`` says, or this machine.
    """

    folder: Path
    kind: str
    engine: str
    source: Source
    data: Data
    cards: dict[str, dict[str, str | int | float | bool]]
    reconstruction: Reconstruction
    spectrum: Spectrum
    lightcurve: LightCurve
    theta2: Theta2
    site: Site

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    def marssys(self, engine: str) -> Path:
        """Return the folder of an engine's programs; that of ``"openmars"`` is the project's own by default.

        Raises
        ------
        UserError
            Where the site does not say it, or it is not there.
        """
        given = {str(name): each.marssys for name, each in self.site.engines.items()}.get(engine)
        if given is not None:
            folder = self.site.place(given)
        elif engine == "openmars":
            folder = Path(__file__).resolve().parents[2] / "openmars"
        else:
            raise UserError(
                f"analysis.engine is '{engine}', but the site does not say where its programs are",
                hint=f'Write [engines.{engine}] marssys = "/path" in {self.folder / "site.toml"}.',
            )
        if not folder.is_dir():
            raise UserError(f"engines.{engine}.marssys: there is no folder {folder}")
        return folder


def load(folder: Path) -> Analysis:
    """Read and check an analysis folder.

    Parameters
    ----------
    folder
        With ``analysis.toml`` and, where the defaults do not fit, ``site.toml``.

    Returns
    -------
    Analysis

    Raises
    ------
    UserError
        Naming file and key, what was found and what is allowed.
    """
    folder = Path(folder).resolve()
    path = folder / "analysis.toml"
    if not path.is_file():
        raise UserError(f"there is no {path}", hint="Name a folder that has an analysis.toml.")
    try:
        document = Document.model_validate(_toml(path))
    except ValidationError as error:
        raise explain(error, Document, str(path)) from None
    path = folder / "site.toml"
    content = _toml(path) if path.is_file() else {}
    if "folder" in content:
        raise UserError(f"{path}: unknown key 'folder'")
    try:
        site = Site.model_validate({**content, "folder": folder})
    except ValidationError as error:
        raise explain(error, Site, str(path)) from None
    return Analysis(
        folder=folder,
        kind=document.analysis.kind,
        engine=document.analysis.engine,
        source=document.source,
        data=document.data,
        cards=document.cards,
        reconstruction=document.reconstruction,
        spectrum=document.spectrum,
        lightcurve=document.lightcurve,
        theta2=document.theta2,
        site=site,
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
