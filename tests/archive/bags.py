"""Archives taken apart, changed, and put together again so that all checksums fit."""

import hashlib
import io
import json
import tarfile


def sha256(content):
    """Hash bytes."""
    return hashlib.sha256(content).hexdigest()


class Parts(dict):
    """The files of an archive by name, below its one folder."""

    def __init__(self, path):
        with tarfile.open(path, "r:") as tar:
            super().__init__({m.name.partition("/")[2]: tar.extractfile(m).read() for m in tar if m.isfile()})

    def steps(self, change):
        """Change steps, each of them as an object."""
        steps = [json.loads(line) for line in self["data/steps.jsonl"].splitlines()]
        change(steps)
        self["data/steps.jsonl"] = b"".join(json.dumps(step).encode() + b"\n" for step in steps)

    def json(self, name, change):
        """Change a JSON file."""
        told = json.loads(self[name])
        change(told)
        self[name] = json.dumps(told).encode()

    def receipt(self, change, number=0):
        """Change the receipt of a step."""
        action = json.loads(self["data/steps.jsonl"].splitlines()[number])["action"]
        self.json(f"data/store/{action[:2]}/{action}/receipt.json", change)

    def seal(self):
        """Make the manifests anew."""
        payload = sorted(name for name in self if name.startswith("data/"))
        self["manifest-sha256.txt"] = "".join(f"{sha256(self[n])}  {n}\n" for n in payload).encode()
        tags = sorted(n for n in self if not n.startswith("data/") and n != "tagmanifest-sha256.txt")
        self["tagmanifest-sha256.txt"] = "".join(f"{sha256(self[n])}  {n}\n" for n in tags).encode()

    def write(self, path, members=()):
        """Write a tar file; `members` are `TarInfo` with content, after the files."""
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, content in self.items():
                tar.addfile(entry(f"crab/{name}", size=len(content)), io.BytesIO(content))
            for member, content in members:
                tar.addfile(member, io.BytesIO(content))


def entry(name, **about):
    """Return a member of a tar file."""
    made = tarfile.TarInfo(name)
    for key, value in about.items():
        setattr(made, key, value)
    return made
