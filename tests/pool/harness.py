"""The pool as the tests see it: brought up once, with the checkout under test and its images inside."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("pool")

PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def unavailable():
    """Tell why there can be no pool here; empty where there can."""
    if os.environ.get("AUTOMAGIC_POOL") == "0":
        return "AUTOMAGIC_POOL is 0"
    if os.getuid():
        return "the test pool needs root"
    if not Path("/etc/debian_version").exists():
        return "the test pool needs Debian"
    missing = [name for name in ("unshare", "nsenter", "setpriv", "git", "tar") if not shutil.which(name)]
    return f"the test pool needs {missing[0]}" if missing else ""


def wait_for(condition, seconds=60.0, what="it"):
    """Wait until a condition holds, and return what it gave."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, f"{what} did not happen in {seconds:g} s"
        time.sleep(0.1)
    return found


class Pool:
    """A running pool.

    Attributes
    ----------
    shared
        The folder that is seen inside under the same path; everything of the user lies there.
    checkout
        The project under test, with its own environment.
    """

    wait_for = staticmethod(wait_for)

    @staticmethod
    def content_of(*places):
        """Return a text that changes with what lies in files and folders of the project, named from its top."""
        return content_of(*(PROJECT / place for place in places))

    @property
    def tmp(self):
        """Return the variables of a command that builds images."""
        return {"APPTAINER_TMPDIR": str(self.shared / "tmp")}

    def __init__(self):
        self.home = Path(os.environ.get("POOL_ROOT", "/srv/automagic-pool/root"))
        self.shared = Path(os.environ.get("POOL_SHARED", "/srv/automagic-pool/shared"))
        self.checkout = self.shared / "checkout"
        self.base = self.shared / "base"
        # another name each time: HTCondor's history remembers jobs by their folders
        self.runs = self.shared / "runs" / str(os.getpid())
        self.python = self.checkout / ".venv" / "bin" / "python"
        self.port = int(os.environ.get("POOL_PORT", "9618"))
        self.times = {}

    # --- bringing it up

    def up(self):
        """Bring everything up that all tests need. What is there from an earlier time is used again."""
        with self._timed("pool"):
            self.script("build")
        with self._timed("start"):
            self.script("start")
            self.root(["condor_rm", "-all", "-forcex"], check=False)
        with self._timed("base"):
            self.script("base", str(self.base))
        with self._timed("checkout"):
            self._copy_project()
        with self._timed("environment"):
            self._make_environment()
        remove(self.runs.parent)
        self.user(["mkdir", "-p", self.runs, "images", "tmp"], cwd=self.shared)

    def down(self):
        """End everything inside."""
        self.script("stop")

    def script(self, *words):
        """Call the pool's script; what it says is shown only where it fails."""
        done = subprocess.run([SCRIPT, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"pool {' '.join(words)}:\n{done.stdout[-4000:]}"

    @contextlib.contextmanager
    def _timed(self, what):
        start = time.monotonic()
        yield
        self.times[what] = time.monotonic() - start

    def _copy_project(self):
        """Copy the files under version control, with what is not committed yet; the environment stays."""
        self.user(["mkdir", "-p", str(self.checkout)], cwd=self.shared)
        for path in self.checkout.iterdir():
            if path.name != ".venv":
                remove(path)
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT, capture_output=True, check=True,
        ).stdout  # fmt: skip
        names = [
            name for name in listed.split(b"\0") if name and os.path.lexists(os.path.join(os.fsencode(PROJECT), name))
        ]
        pack = subprocess.Popen(
            ["tar", "--create", "--null", "--no-recursion", "--files-from=-"],
            cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        unpack = self.popen(["tar", "--extract"], stdin=pack.stdout)
        pack.stdout.close()
        pack.stdin.write(b"\0".join(names))
        pack.stdin.close()
        said, _ = unpack.communicate(timeout=300)
        assert pack.wait() == unpack.returncode == 0, said

    def _make_environment(self):
        """Make the project's environment with the pool's Python; one made with an older pool's is thrown away."""
        wanted = (self.home / ".made-by").read_text()
        stamp = self.checkout / ".venv" / "pool.stamp"
        if not stamp.exists() or stamp.read_text().strip() != wanted.strip():
            remove(self.checkout / ".venv")
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.user(["./doit", "--version"], env=passed, timeout=1200)
        self.user(["sh", "-c", f"echo {wanted.strip()} > {stamp}"])

    # --- doing something inside

    def _command(self, words, env):
        return [SCRIPT, "user", "env", *(f"{key}={value}" for key, value in (env or {}).items()), *map(str, words)]

    def user(self, words, cwd=None, env=None, timeout=120, check=True):
        """Run a command as the user, in the checkout by default."""
        done = subprocess.run(
            self._command(words, env), cwd=cwd or self._here(), timeout=timeout, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        return done

    def popen(self, words, cwd=None, env=None, **more):
        """Start a command as the user. It must be ended from inside: see `Analysis.signal`."""
        more = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
        } | more
        return subprocess.Popen(self._command(words, env), cwd=cwd or self._here(), **more)

    def _here(self):
        """Return where commands run by default."""
        return self.checkout if self.checkout.exists() else self.shared

    def root(self, words, check=True, timeout=120):
        """Run a command inside as root."""
        done = subprocess.run(
            [SCRIPT, "run", *map(str, words)], timeout=timeout, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        return done

    def automagic(self, *words, **more):
        """Run the automagic command."""
        return self.user([self.python.with_name("automagic"), *words], **more)

    # --- asking HTCondor

    def jobs(self, constraint="true", *attributes, history=False):
        """Return attributes of jobs in the queue, or of those that left it."""
        command = ["condor_history" if history else "condor_q", *([] if history else ["-all"])]
        command += ["-constraint", constraint, "-json", *(["-attributes", ",".join(attributes)] if attributes else [])]
        said = self.root(command).stdout.strip()
        return json.loads(said) if said else []

    def restart(self, daemon):
        """Kill a daemon (-9) and wait until the master has started it again."""
        before = self.root(["pgrep", "-x", f"condor_{daemon}"]).stdout.split()
        self.root(["pkill", "-KILL", "-x", f"condor_{daemon}"])
        wait_for(
            lambda: set(self.root(["pgrep", "-x", f"condor_{daemon}"], check=False).stdout.split()) - set(before),
            what=f"a new {daemon}",
        )

    # --- images

    def image(self, name, key, build):
        """Return an image, built unless it is there with this key.

        Parameters
        ----------
        key
            What it is made of, as text.
        build
            Makes the file that it is given.
        """
        path = self.shared / "images" / f"{name}.sif"
        stamp = path.with_suffix(".key")
        digest = hashlib.sha256(((self.base / ".made-by").read_text() + key).encode()).hexdigest()
        there = path.exists() and path.with_suffix(".json").exists() and stamp.exists()
        if not (there and stamp.read_text().strip() == digest):
            for old in path.parent.glob(f"{name}.*"):
                remove(old)
            with self._timed(f"image {name}"):
                build(path)
            self.user(["sh", "-c", f"echo {digest} > {stamp}"], cwd=self.shared)
        return path


def remove(path):
    """Take a file or folder away, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def content_of(*places):
    """Return a text that changes with what lies in files and folders of the project."""
    digest = hashlib.sha256()
    for place in places:
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in found:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def sha256(path):
    """Hash a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
