"""Asking for files on tape, all at once, and looking which of them are there by now.

Three ways: the site's own command; the WLCG Tape REST API (version 1 of its public specification, May 2022), which
dCache, EOS-CTA and StoRM speak; or reading each file's first byte. The API was tried against a server of our own only,
and takes the path of an address as the path that storage knows the file by: whether a data centre's is so is unknown.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from automagic.staging.remote import Remote, folders_of
from automagic.staging.trouble import OnTape, Permanent, StorageError, Temporary
from automagic.staging.urls import redact, split, web

COMMAND_S = 900.0
"""How long the site's command may take."""


def run_command(words: tuple[str, ...], urls: Iterable[str], folder: Path) -> None:
    """Run the site's command with a list of addresses.

    No shell is involved: each word is one argument, and ``{list}`` in it becomes the path of the list.

    Parameters
    ----------
    folder
        Where the list is written for as long as the command runs.

    Raises
    ------
    Temporary
        It failed; the reason has its last line.
    Permanent
        It cannot be run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number, path = tempfile.mkstemp(prefix="recall-", suffix=".txt", dir=folder)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.writelines(f"{url}\n" for url in urls)
        done = subprocess.run(
            [word.replace("{list}", path) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Temporary(f"{words[0]} did not end within {COMMAND_S:.0f} s") from None
    except OSError as error:
        raise Permanent(f"{words[0]} cannot be run: {error.strerror}") from None
    finally:
        Path(path).unlink(missing_ok=True)
    if done.returncode != 0:
        said = redact(done.stdout.decode(errors="replace")).strip().splitlines()
        last = "".join(c for c in said[-1][:200] if c.isprintable()) if said else "nothing"
        raise Temporary(f"{words[0]} ended with code {done.returncode} and said: {last}")


class TapeApi:
    """The WLCG Tape REST API of the servers that addresses lead to."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self._places: dict[str, str] = {}

    def request(self, urls: Iterable[str]) -> None:
        """Ask for files, in one request a server."""
        for api, paths in self._by_server(urls):
            body = {"files": [{"path": path} for path in paths]}
            self._web(api).post(f"{api}/stage", body, (200, 201, 202))

    def places(self, urls: Iterable[str]) -> dict[str, StorageError | None]:
        """Tell of each file why it cannot be read now, or `None` where it is online."""
        found: dict[str, StorageError | None] = {}
        for api, paths in self._by_server(urls):
            rows = self._web(api).post(f"{api}/archiveinfo", {"paths": list(paths)}, (200, 207))
            for row in rows if isinstance(rows, list) else ():
                url = paths.get(row.get("path", "")) if isinstance(row, dict) else None
                if url is None:
                    continue
                locality = str(row.get("locality", "")).upper()
                if locality in ("DISK", "DISK_AND_TAPE"):
                    found[url] = None
                elif locality in ("LOST", "NONE") or (row.get("error") and not locality):
                    found[url] = Permanent(f"storage has lost it ({locality or 'error'})")
                else:
                    found[url] = OnTape("it is on tape")
        return found

    def _web(self, api: str):  # type: ignore[no-untyped-def]
        return self.remote.speaker(api)

    def _by_server(self, urls: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each server's API with the files there: path to address."""
        servers: dict[str, dict[str, str]] = {}
        for url in urls:
            parts = urlsplit(web(url))
            if not parts.netloc:
                raise Permanent("the tape API is one of web servers; give storage.recall a command")
            servers.setdefault(f"{parts.scheme}://{parts.netloc}", {})[unquote(parts.path)] = url
        for server, paths in servers.items():
            yield self._api(server), paths

    def _api(self, server: str) -> str:
        """Find the API of a server, which may lead to another port but to no other host."""
        if server not in self._places:
            about = self.remote.speaker(server).post(f"{server}/.well-known/wlcg-tape-rest-api", None, (200,))  # type: ignore[attr-defined]
            ends = about.get("endpoints", []) if isinstance(about, dict) else []
            uris = [each.get("uri", "") for each in ends if isinstance(each, dict) and each.get("version") == "v1"]
            here = urlsplit(server)
            for uri in uris:
                there = urlsplit(uri)
                if (there.scheme, there.hostname) == (here.scheme, here.hostname) and not there.query:
                    self._places[server] = uri.rstrip("/")
                    break
            else:
                raise Permanent("storage names no tape API of version v1 on the same host")
        return self._places[server]


def look(remote: Remote, urls: Iterable[str], listed: frozenset[str]) -> dict[str, StorageError | None]:
    """Tell which files on tape are online by now.

    Parameters
    ----------
    urls
        Of the files.
    listed
        Those of them of which a listing said that they are on tape: it will say when they no longer are. The others
        are asked for their first byte.

    Returns
    -------
    dict
        Why each cannot be read now, or `None` where it is online.
    """
    found: dict[str, StorageError | None] = {}
    rest = [url for url in urls if url not in listed]
    for folder, members in folders_of([url for url in urls if url in listed]).items():
        try:
            listing = remote.speaker(folder).list(folder)
        except Permanent:
            rest += members
            continue
        except StorageError as error:
            found.update(dict.fromkeys(members, error))
            continue
        places = {entry.name: entry.place for entry in listing.files if entry.problem is None}
        for url in members:
            if listing.tells_place and split(url)[1] in places:
                found[url] = OnTape("it is on tape") if places[split(url)[1]] == "tape" else None
            else:
                rest.append(url)
    for url in rest:
        found[url] = ask(remote, url)
    return found


def ask(remote: Remote, url: str) -> StorageError | None:
    """Read the first byte of a file; return why that cannot be done."""
    try:
        remote.speaker(url).size(url)
    except StorageError as error:
        return error
    return None
