"""Compile all kernels of openmars into the cache (NUMBA_CACHE_DIR), so that no job compiles them."""

from importlib import import_module
from pathlib import Path

import openmars
from openmars.core.kernels import load

folder = Path(openmars.__file__).parent
for path in sorted(folder.rglob("kernel*.py")):
    module = ".".join(("openmars", *path.relative_to(folder).with_suffix("").parts))
    for name, value in sorted(vars(import_module(module)).items()):
        if hasattr(value, "kernel_types") and value.__module__ == module:
            load(module, name)
            print(f"compiled {module}.{name}")
