"""Two ROOT files, object by object. Trees are in `automagic.diff.trees`, all others in `automagic.diff.objects`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automagic.diff.report import STRUCTURE, WORDS, Found, Unreadable, reading

FOLDERS = ("TDirectory", "TDirectoryFile")
TREES = ("TTree", "TNtuple", "TNtupleD", "TChain")
CHUNK = 16 << 20
OPTIONS: dict[str, Any] = {"object_cache": None, "array_cache": None, "minimal_ttree_metadata": False}
"""For uproot: nothing is kept, and all of a tree is read, what its user has put there (``fUserInfo``) included."""


def differences(a: Path, b: Path, found: Found) -> None:
    """Find what differs, in memory for some chunks of one branch.

    Raises
    ------
    Unreadable
        One of them is damaged; what was found until then is kept.
    """
    import uproot

    from automagic.rootfile import check

    for path in (a, b):
        with reading(path, "ROOT"):
            check(path)
    if only_stamps(a, b):
        found.notes.append("only dates and UUIDs differ")
        return
    with reading(a, "ROOT"):
        file_a = uproot.open(a, **OPTIONS)
    with file_a:
        with reading(b, "ROOT"):
            file_b = uproot.open(b, **OPTIONS)
        with file_b:
            _Pair(a, b, file_a, file_b, found).objects()


def only_stamps(a: Path, b: Path) -> bool:
    """Say whether two files differ in dates and UUIDs alone: where their canonical bytes are the same.

    It is known without uncompressing anything, and for files that differ otherwise after the first such byte.
    """
    import numpy as np

    from automagic.rootfile.canonical import places
    from automagic.rootfile.layout import RootError, mapped

    if a.stat().st_size != b.stat().st_size:
        return False
    with mapped(a) as one, mapped(b) as other:
        try:
            free = places(one)
            if free != places(other):
                return False
        except RootError:
            return False
        spans = sorted((offset, offset + len(value)) for offset, value in free)
        starts, stops = (np.array([span[i] for span in spans]) for i in (0, 1))
        for at in range(0, len(one), CHUNK):
            wrong = at + np.flatnonzero(_array(one, at) != _array(other, at))
            span = np.searchsorted(starts, wrong, side="right") - 1
            if not bool(np.all((span >= 0) & (wrong < stops[span]))):
                return False
    return True


def _array(data: memoryview, at: int) -> Any:
    import numpy as np

    # a copy: an array that looks into the map would keep it from being closed
    return np.frombuffer(bytes(data[at : at + CHUNK]), "u1")


def _path(key: str) -> str:
    """Return a key without its cycle."""
    return key.rpartition(";")[0]


class _Pair:
    """Two open ROOT files."""

    def __init__(self, a: Path, b: Path, file_a: Any, file_b: Any, found: Found) -> None:
        self.paths, self.files, self.found = (a, b), (file_a, file_b), found

    def objects(self) -> None:
        """Compare the lists of objects, then each pair."""
        classes = []
        for path, file in zip(self.paths, self.files, strict=True):
            with reading(path, "ROOT"):
                classes.append(file.classnames(recursive=True, cycle=True))
        for key, other in self._paired(*classes).items():
            cls = classes[0][key], classes[1][other]
            name = key if self._several(key, classes) else _path(key)
            if cls[0] != cls[1]:
                self.found.add(f"{name}: {cls[0]} in A, {cls[1]} in B", STRUCTURE, object=key, a=cls[0], b=cls[1])
                continue
            before = len(self.found.findings)
            if cls[0] not in FOLDERS:
                self._one(key, other, name, cls[0])
            titles = [file.key(each).fTitle for file, each in zip(self.files, (key, other), strict=True)]
            if titles[0] != titles[1] and len(self.found.findings) == before:  # mostly the object's own, told already
                self.found.two(f"{name}, title", titles[0], titles[1], WORDS, object=key)
        self._other_bytes()

    def _paired(self, a: dict[str, str], b: dict[str, str]) -> dict[str, str]:
        """Pair the objects by path and cycle; tell those without a partner.

        An object of which each file has one cycle that the other has not is a pair all the same.
        """
        pairs = {key: key for key in a if key in b}
        lone_a, lone_b = ([key for key in mine if key not in others] for mine, others in ((a, b), (b, a)))
        for key in list(lone_a):
            name = _path(key)
            mine, theirs = ([each for each in lone if _path(each) == name] for lone in (lone_a, lone_b))
            if len(mine) == len(theirs) == 1:
                cycles = [each.rpartition(";")[2] for each in (key, theirs[0])]
                self.found.add(f"{name}: cycle {cycles[0]} in A, {cycles[1]} in B", STRUCTURE, object=key)
                pairs[key] = theirs[0]
                lone_a.remove(key)
                lone_b.remove(theirs[0])
        for side, lone, classes in (("A", lone_a, a), ("B", lone_b, b)):
            for key in lone:
                self.found.only(side, f"{classes[key]} {key}", object=key)
        return pairs

    @staticmethod
    def _several(key: str, classes: list[dict[str, str]]) -> bool:
        """Whether the cycle must be told, since there are several of the name."""
        return any(each != key and _path(each) == _path(key) for known in classes for each in known)

    def _one(self, key: str, other: str, name: str, cls: str) -> None:
        from automagic.diff import objects, trees

        if cls == "ROOT::RNTuple":
            # its values lie outside of what the key points to
            self.found.add(f"{name}: the values of an RNTuple are not compared", STRUCTURE, object=key)
            return
        read = self._read(cls, key, other, name)
        if read is not None and all(trees.is_tree(each) for each in read):
            trees.compare(name, read, self.paths, self.found)
            return
        raw = []
        for path, file, each in zip(self.paths, self.files, (key, other), strict=True):
            with reading(path, "ROOT", name):
                chunk, _ = file.key(each).get_uncompressed_chunk_cursor()
                raw.append(bytes(chunk.raw_data))
        if raw[0] != raw[1]:
            objects.compare(name, cls, read, raw, self.found)

    def _read(self, cls: str, key: str, other: str, name: str) -> list[Any] | None:
        """Read an object of both files; `None` where uproot does not know how, and the bytes must do."""
        read = []
        for path, file, each in zip(self.paths, self.files, (key, other), strict=True):
            try:
                with reading(path, "ROOT", name):
                    read.append(file[each])
            except Unreadable:
                if cls in TREES:
                    raise  # the values lie elsewhere: the same bytes here would say nothing of them
                return None
        return read

    def _other_bytes(self) -> None:
        """Say why the bytes differ where no content does."""
        notes = self.found.notes
        kinds = [_compression(file.file) for file in self.files]
        if kinds[0] != kinds[1]:
            notes.insert(0, f"compressed otherwise: {kinds[0]} in A, {kinds[1]} in B")
        if not notes:
            notes.append("the order or layout of the records or the name that the file has of itself differs")


def _compression(file: Any) -> str:
    """Name the compression that the head of a file tells of: each record has its own, so no code there is wrong."""
    try:
        return str(file.compression)
    except ValueError:
        return f"code {file.fCompress}"
