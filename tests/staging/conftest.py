"""A server on loopback and storage in it."""

import importlib.util
import os
import time
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("storage_server", Path(__file__).with_name("server.py"))
storage_server = importlib.util.module_from_spec(spec)
spec.loader.exec_module(storage_server)


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """A folder with files in folders."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in [name for name in os.environ if name.startswith(("BEARER_TOKEN", "X509_", "SSL_CERT", "AUTOMAGIC_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "storage"
    for name, size in (("Crab/a.raw", 100_000), ("Crab/b.raw", 50_000), ("Mrk421/c+1.raw", 30_000)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(name, size))
        os.utime(path, (1.4e9, 1.4e9))
    return folder


def content(name, size):
    """Make bytes that look like no others."""
    import random

    return random.Random(name).randbytes(size)


@pytest.fixture
def server(storage):
    """The server, started."""
    with storage_server.Server(storage) as found:
        yield found


@pytest.fixture
def make_server(storage):
    """Make a server with settings of its own."""
    started = []

    def make(**settings):
        started.append(storage_server.Server(storage, **settings).start())
        return started[-1]

    yield make
    for each in started:
        each.stop()


@pytest.fixture
def until():
    """Wait for something, with a limit that only a failure reaches."""

    def wait(true, limit_s=20.0):
        end = time.monotonic() + limit_s
        while not true():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.005)

    return wait
