"""What a person asks for: ``analysis.toml`` and ``site.toml``, read and checked."""

from automagic.analysis.folder import Analysis, load, load_site
from automagic.analysis.site import Site

__all__ = ["Analysis", "Site", "load", "load_site"]
