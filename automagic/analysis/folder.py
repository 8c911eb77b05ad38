"""Reading an analysis folder."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from automagic.analysis.atmosphere import UNCORRECTED, Atmosphere
from automagic.analysis.explain import explain
from automagic.analysis.pulsar import Pulsar
from automagic.analysis.sections import Data, Document, Flux, LightCurve, Reconstruction, Source, Spectrum, Theta2
from automagic.analysis.site import Site
from automagic.errors import UserError
from automagic.kinds import KINDS
from automagic.staging.urls import is_remote

SITE_VARIABLE = "AUTOMAGIC_SITE"
"""Environment variable with the path of a site file that counts for all analyses."""


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
    unchecked
        Keys for cards that autoMAGIC does not know, by program: passed on as they are.
    sources, flux
        Of a catalogue: its sources, of which `source` is the first, and how fluxes are given. Else there are none.
    pulsar
        The section, or `None` where the source is none.
    atmosphere
        What is done about haze.
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
    unchecked: dict[str, dict[str, str | int | float | bool]] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    flux: Flux = field(default_factory=Flux)
    pulsar: Pulsar | None = None
    atmosphere: Atmosphere = UNCORRECTED

    @property
    def known(self) -> tuple[Source, ...]:
        """The sources of a catalogue, or the one source."""
        return self.sources or (self.source,)

    def of(self, source: Source) -> Analysis:
        """Return the same analysis of one source of a catalogue alone."""
        return replace(self, source=source, sources=())

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def geometry(self) -> str:
        """Geometry of the Monte Carlo: what is asked for, or that of the kind of analysis."""
        return self.reconstruction.geometry or KINDS[self.kind].geometry

    def marssys(self, engine: str) -> Path:
        """Return the folder of an engine's programs; that of ``"openmars"`` is the project's own by default.

        Raises
        ------
        UserError
            Where the site does not say it, or it is not there.
        """
        found = {str(name): each for name, each in self.site.engines.items()}.get(engine)
        if found is not None and found.marssys is not None:
            folder = self.site.place(found.marssys)
        elif found is not None:
            return Path("/opt/programs")  # inside the image
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
    site = load_site(folder)
    return Analysis(
        folder=folder,
        kind=document.analysis.kind,
        engine=document.analysis.engine,
        source=document.source or document.sources[0],
        data=document.data,
        cards=document.cards,
        reconstruction=document.reconstruction,
        spectrum=document.spectrum,
        lightcurve=document.lightcurve,
        theta2=document.theta2,
        site=site,
        unchecked=document.unchecked,
        sources=document.sources,
        flux=document.flux,
        pulsar=document.pulsar,
        atmosphere=document.atmosphere,
    )


def load_site(folder: Path) -> Site:
    """Read what ``site.toml`` of an analysis folder says, over the file that the variable AUTOMAGIC_SITE names.

    A table of the analysis's own file takes the place of the same table there.

    Raises
    ------
    UserError
        A file cannot be read, or something in it is wrong.
    """
    own, common = folder / "site.toml", os.environ.get(SITE_VARIABLE)
    content = _checked(Path(common).expanduser().resolve()) if common else {}
    if own.is_file():
        content = {**content, **_toml(own)}
    if "folder" in content:
        raise UserError(f"{own}: unknown key 'folder'")
    try:
        return Site.model_validate({**content, "folder": folder})
    except ValidationError as error:
        raise explain(error, Site, str(own)) from None


def _checked(path: Path) -> dict[str, Any]:
    """Read a site file that counts for many analyses; its relative paths count from where it lies."""
    content = _toml(path)
    try:
        site = Site.model_validate({**content, "folder": path.parent})
    except ValidationError as error:
        raise explain(error, Site, f"{path} (named by {SITE_VARIABLE})") from None
    for engine, each in site.engines.items():
        for key in ("image", "marssys"):
            given = getattr(each, key)
            if given is not None:
                content["engines"][engine][key] = str(site.place(given))
    storage = content.get("storage", {})
    for key in ("roots", "mc", "off"):
        if key in storage:
            storage[key] = [root if is_remote(root) else str(site.place(root)) for root in storage[key]]
    for key in ("index", "cache", "shared", "catalog"):
        if key in storage:
            storage[key] = str(site.place(storage[key]))
    return content


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
