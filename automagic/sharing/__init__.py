"""What many users of a site share: results that anybody's analysis has made, and what their catalogs tell.

No server: a folder that everybody may add to, and nobody may change what another has added.
"""

from __future__ import annotations

from automagic.sharing.store import SharedStore

__all__ = ["SharedStore"]
