"""Turns magic-cta-pipe's HDF5 files into arrays; runs in its environment: ``chain_dump.py FOLDER OUT.npz``."""

import sys
from pathlib import Path

import numpy as np
import tables

PARAMETERS = (
    "event_id", "intensity", "x", "y", "length", "width", "psi", "skewness", "slope", "n_pixels", "n_islands",
    "intensity_width_1", "intensity_width_2", "concentration_cog", "concentration_core", "concentration_pixel",
)  # fmt: skip
STEREO = ("event_id", "tel_id", "alt", "az", "core_x", "core_y", "impact", "h_max")


def main() -> None:
    """Write parameters, surviving pixels and stereo parameters."""
    folder, out = Path(sys.argv[1]), {}
    for telescope in (1, 2):
        (path,) = (folder / "dl1").glob(f"dl1_M{telescope}.*.h5")
        with tables.open_file(path) as file:
            table = file.root.events.parameters[:]
        out |= {f"M{telescope}_{name}": table[name] for name in PARAMETERS}
        (path,) = (folder / "images").glob(f"dl1_M{telescope}.*.h5")
        with tables.open_file(path) as file:
            images = file.root.events.dl1.image[:]
        out |= {f"M{telescope}_image_{name}": images[name] for name in ("event_id", "image_mask")}
    (path,) = (folder / "stereo").glob("*.h5")
    with tables.open_file(path) as file:
        table = file.root.events.parameters[:]
    table = table[table["tel_id"] == table["tel_id"].min()]
    out |= {f"stereo_{name}": table[name] for name in STEREO}
    np.savez(sys.argv[2], **out)


if __name__ == "__main__":
    main()
