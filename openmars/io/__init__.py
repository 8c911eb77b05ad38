"""ROOT files of plain trees: written with the same bytes for the same content, read quickly.

Examples
--------
>>> import tempfile, numpy as np
>>> path = tempfile.mkdtemp() + "/20210314_M1_05095172.001_I_CrabNebula-W0.40+035.root"
>>> write_root(path, {"Events": {"MHillas.fSize": np.array([120.0, 55.0], "f4")}}, {"star.rc": "A: 1\\n"})
>>> read_tree(path, "Events")
{'MHillas.fSize': array([120.,  55.], dtype=float32)}
>>> level(path)
'star'
"""

from .trees import (
    Column,
    Jagged,
    RootInput,
    RootWriter,
    level,
    open_root,
    read_tree,
    tree_names,
    update_root,
    write_root,
)

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
