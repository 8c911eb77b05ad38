"""What an output file says about how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openmars.core.program import Context, openmars_version

if TYPE_CHECKING:
    import numpy as np

NOTE = "written by openmars, an open stand-in for MARS; not by MARS"


def card_text(ctx: Context) -> dict[str, str]:
    """Texts to store in an output: the card as it was used, under its name, and who wrote the file.

    MARS stores its card as an ``MEnv`` under the path of the card; here it is a plain text with every resource that
    was looked up and the value that was used.
    """
    note = {"openmars": f"{ctx.program}: {NOTE}"}
    lines = [f"{key}: {value}\n" for key, value in sorted(ctx.env.looked_up.items())]
    return {ctx.card.name: "".join(lines), **note} if lines else note


def version_columns(program: str) -> dict[str, np.ndarray]:
    """``MMarsVersion_<program>`` for the tree ``RunTails``: the version of openmars, a byte each part; no ROOT (0)."""
    import numpy as np

    major, minor, patch = (int(part) for part in openmars_version().split(".")[:3])
    return {
        f"MMarsVersion_{program}.fMARSVersionCode": np.array([major << 16 | minor << 8 | patch], np.int32),
        f"MMarsVersion_{program}.fROOTVersionCode": np.array([0], np.int32),
    }
