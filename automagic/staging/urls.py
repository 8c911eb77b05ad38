"""Addresses in remote storage: which are allowed, how they are shown, and how names become parts of them.

Nothing secret is ever in an address: one with a user, a password or a query is refused where it is given.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

SCHEMES = {
    "http": "http",
    "https": "https",
    "dav": "http",
    "webdav": "http",
    "davs": "https",
    "webdavs": "https",
    "file": "",
    "root": "",
    "s3": "",
}
"""The schemes that are known, and the one in which HTTP is spoken; none where `fsspec` does the talking."""

_PORTS = {"http": 80, "https": 443, "dav": 80, "webdav": 80, "davs": 443, "webdavs": 443}
_UNRESERVED = "!$&'()*+,;=:@-._~"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=,@-]{0,199}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*")
# a password may have slashes in it; where it could be a port as well, rather too much is taken out than too little
_USER = re.compile(r"://(?:[^/]*@|[^/:]*:.*@)")


def is_remote(text: str) -> bool:
    """Tell an address from a folder.

    >>> is_remote("davs://dcache.example.org/magic"), is_remote("/data/magic")
    (True, False)
    """
    return "://" in text


def redact(text: str) -> str:
    """Take users, passwords and queries out of all addresses in a text.

    >>> redact("cannot reach https://me:secret@host/a?token=xyz now")
    'cannot reach https://***@host/a?*** now'
    """
    return _URL.sub(lambda match: _redact_one(match[0]), text)


def _redact_one(url: str) -> str:
    url = _USER.sub("://***@", url)
    address, question, _ = url.partition("?")
    return f"{address}?***" if question else url


def check_url(text: str) -> str:
    """Return an address in its one form, without a slash at its end.

    Parameters
    ----------
    text
        As a person wrote it.

    Raises
    ------
    ValueError
        It has a scheme that is not known, no host, a user, password or query, or a way up (``..``).

    Examples
    --------
    >>> check_url("HTTPS://Data.Example.org:443/magic/Crab Nebula/")
    'https://data.example.org/magic/Crab%20Nebula'
    >>> check_url("https://me:secret@host/")
    Traceback (most recent call last):
    ValueError: no user and no password in an address; write them into ~/.netrc
    """
    if _USER.search(text):
        raise ValueError("no user and no password in an address; write them into ~/.netrc")
    parts = urlsplit(text)
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise ValueError(f"an address begins with {', '.join(f'{each}://' for each in SCHEMES)}")
    if parts.query or parts.fragment or "?" in text:
        raise ValueError("no '?' and no '#' in an address; a key or a token belongs into the environment")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port is no number") from None
    host = (parts.hostname or "").lower()
    if not host and scheme != "file":
        raise ValueError("there is no host in the address")
    if not re.fullmatch(r"[a-z0-9._:-]*", host):
        raise ValueError("the host has characters that no host has")
    if ":" in host:
        host = f"[{host}]"
    steps = [unquote(step) for step in parts.path.split("/")]
    # a path of XRootD begins with two slashes; elsewhere an empty step means nothing
    head = "//" if scheme == "root" and parts.path.startswith("//") else "/"
    for step in steps:
        check_step(step)
    path = head + "/".join(quote(step, safe=_UNRESERVED) for step in steps if step)
    place = host if port in (None, _PORTS.get(scheme)) else f"{host}:{port}"
    return urlunsplit((scheme, place, path.rstrip("/"), "", "")) if place else f"{scheme}://{path}"


def check_step(step: str) -> None:
    """Refuse a step of a path that leaves its folder or cannot be written in a line of text."""
    if step in (".", "..") or "/" in step or "\\" in step or not step.isprintable():
        raise ValueError(f"the name {step!r} is not allowed")


def safe_name(name: str) -> str:
    """Return a file's name as it is, or refuse one that could be anything but a plain name.

    >>> safe_name("20131005_M1_05029747.001_Y_CrabNebula-W0.40+035.root")
    '20131005_M1_05029747.001_Y_CrabNebula-W0.40+035.root'
    >>> safe_name("../x")
    Traceback (most recent call last):
    ValueError: the name '../x' is not allowed
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} is not allowed")
    return name


def join(folder: str, name: str) -> str:
    """Return the address of a file or folder in a folder.

    >>> join("https://host/a", "b+c d")
    'https://host/a/b+c%20d'
    """
    check_step(name)
    return f"{folder.rstrip('/')}/{quote(name, safe=_UNRESERVED)}"


def split(url: str) -> tuple[str, str]:
    """Split an address into its folder and the name in it."""
    folder, _, name = url.rstrip("/").rpartition("/")
    return folder, unquote(name)


def web(url: str) -> str:
    """Return the address in which HTTP is spoken, or an empty text where it is another protocol's.

    >>> web("davs://host/a"), web("s3://bucket/a")
    ('https://host/a', '')
    """
    scheme, _, rest = url.partition("://")
    spoken = SCHEMES.get(scheme, "")
    return f"{spoken}://{rest}" if spoken else ""
