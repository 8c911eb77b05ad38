"""Compiled functions that are ready within milliseconds.

Importing Numba takes half a second, more than many a job works. So a function is compiled with Numba once, its
machine code is kept in the cache folder (``NUMBA_CACHE_DIR``), and later processes load that with llvmlite alone.
The name of the cached file has a digest of the sources, of the compiler and of the processor: a change of any of
them compiles anew.

A kernel module is called ``kernel….py`` and imports nothing but Python's own, NumPy, Numba, other kernel modules of
its folder, and from here `kernel` and `PLAIN`. Its kernels take pointers (flat arrays), integers and floats, and
call only functions made with ``@njit(**PLAIN)``.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

PLAIN = {"error_model": "numpy", "_nrt": False}
"""Options of Numba for code that neither raises nor allocates, and so needs nothing of Numba when it runs."""

F = TypeVar("F", bound=Callable[..., Any])
_SCALARS = {"i8": ctypes.c_int64, "f8": ctypes.c_double}


def kernel(types: str) -> Callable[[F], F]:
    """Mark a function as a kernel with arguments of these types, such as ``"f4* i8 f8"``."""

    def mark(function: F) -> F:
        function.__dict__["kernel_types"] = types
        return function

    return mark


class Kernel:
    """A compiled function: called with arrays of the marked types, C-contiguous, and numbers."""

    def __init__(self, name: str, types: str, address: int, keep: Any) -> None:
        self.name = name
        self.types = types.split()
        arguments: list[Any] = [ctypes.c_void_p if t.endswith("*") else _SCALARS[t] for t in self.types]
        self._call = ctypes.CFUNCTYPE(ctypes.c_int64, *arguments)(address)
        self._keep = keep

    def __call__(self, *values: np.ndarray | float) -> int:
        """Call it; a TypeError tells which argument does not fit."""
        if len(values) != len(self.types):
            raise TypeError(f"{self.name} takes {len(self.types)} arguments, not {len(values)}")
        ready = [self._ready(n, t, v) for n, (t, v) in enumerate(zip(self.types, values, strict=True))]
        return int(self._call(*ready))

    def _ready(self, number: int, kind: str, value: Any) -> Any:
        if not kind.endswith("*"):
            return value
        if value.dtype != np.dtype(kind[:-1]) or not value.flags.c_contiguous:
            raise TypeError(f"{self.name}: argument {number} is to be a C-contiguous array of {kind[:-1]}")
        return value.ctypes.data


@cache
def load(module: str, name: str) -> Kernel:
    """Give the kernel `name` of a kernel module, from the cache or compiled now."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    import llvmlite  # type: ignore[import-untyped]
    import llvmlite.binding as llvm  # type: ignore[import-untyped]

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = "" if cpu == "generic" else llvm.get_host_cpu_features().flatten()
    about = json.dumps([llvmlite.__version__, sys.version, cpu, features]).encode()
    sources = [path.read_bytes() for path in sorted(Path(spec.origin).parent.glob("kernel*.py"))]
    digest = hashlib.sha256(b"\0".join([about, *sources])).hexdigest()
    path = _cache_folder() / f"{module}.{name}-{digest[:20]}.kernel"
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="pic", codemodel="default"
    )
    kept = _read(path)
    if kept is None:
        kept = _compile(module, name, machine)
        _keep(path, *kept)
    head, code = kept
    # what only the paths of errors call, which such code does not have; never reached. Symbols are the process's:
    # those of Numba, where it is loaded, must stay (it sets them anew when it is loaded later)
    nowhere = ctypes.cast(ctypes.pythonapi.Py_FatalError, ctypes.c_void_p).value
    for symbol in head["missing"]:
        if llvm.address_of_symbol(symbol) is None:
            llvm.add_symbol(symbol, nowhere)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Kernel(name, head["types"], engine.get_function_address(head["symbol"]), engine)


def _cache_folder() -> Path:
    folder = os.environ.get("NUMBA_CACHE_DIR")
    return Path(folder) if folder else Path(tempfile.gettempdir()) / f"openmars-numba-cache-{os.getuid()}"


def _compile(module: str, name: str, machine: Any) -> tuple[dict[str, Any], bytes]:
    import llvmlite.binding as llvm
    import numba

    function = getattr(import_module(module), name)
    types = function.kernel_types
    arguments = [
        numba.types.CPointer(numba.from_dtype(np.dtype(t[:-1]))) if t.endswith("*") else getattr(numba, _NAMES[t])
        for t in types.split()
    ]
    compiled = numba.cfunc(numba.int64(*arguments), **PLAIN)(function)
    code = llvm.parse_assembly(compiled.inspect_llvm())
    missing = [f.name for f in code.functions if f.is_declaration and f.name.startswith("numba_")]
    return {"symbol": compiled.native_name, "types": types, "missing": missing}, machine.emit_object(code)


_NAMES = {"i8": "int64", "f8": "float64"}


def _read(path: Path) -> tuple[dict[str, Any], bytes] | None:
    try:
        line, _, code = path.read_bytes().partition(b"\n")
        head = json.loads(line)
    except (OSError, ValueError):
        return None
    return (head, code) if head.get("sha256") == hashlib.sha256(code).hexdigest() else None


def _keep(path: Path, head: dict[str, Any], code: bytes) -> None:
    """Write by one rename; without a place to write, the next process compiles again."""
    line = json.dumps(head | {"sha256": hashlib.sha256(code).hexdigest()}).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(line + b"\n" + code)
        os.replace(file.name, path)
    except OSError:
        return
