"""Who we are to storage: from the environment or the user's own files, and nowhere else.

In this order, for the host of an address:

- ``AUTOMAGIC_USER_<HOST>`` and ``AUTOMAGIC_PASSWORD_<HOST>``, or ``AUTOMAGIC_TOKEN_<HOST>``, where ``<HOST>`` is the
  host's name in capitals with ``_`` for all that is no letter and no digit;
- ``~/.netrc``, or the file that ``NETRC`` names;
- over TLS only: the token in ``BEARER_TOKEN`` or in the file that ``BEARER_TOKEN_FILE`` names (WLCG Bearer Token
  Discovery 1.0), and the certificate in ``X509_USER_PROXY``.

Protocols with files of their own (``~/.aws``, XRootD) look there by themselves.
"""

from __future__ import annotations

import base64
import netrc
import os
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from automagic.errors import UserError


def authorization(url: str) -> str | None:
    """Return the ``Authorization`` header for an address, or `None`.

    Raises
    ------
    UserError
        A file with credentials cannot be read.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    own = re.sub(r"[^A-Z0-9]", "_", host.upper())
    token = os.environ.get(f"AUTOMAGIC_TOKEN_{own}")
    if token:
        return _bearer(token)
    user, password = os.environ.get(f"AUTOMAGIC_USER_{own}"), os.environ.get(f"AUTOMAGIC_PASSWORD_{own}")
    if user is None or password is None:
        user, password = _netrc(host)
    if user is not None and password is not None:
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    token = _token() if parts.scheme == "https" else None
    return _bearer(token) if token else None


def _bearer(token: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]+", token.strip()):
        raise UserError("the token for remote storage has characters that no token has")
    return f"Bearer {token.strip()}"


def _token() -> str | None:
    if token := os.environ.get("BEARER_TOKEN"):
        return token
    if path := os.environ.get("BEARER_TOKEN_FILE"):
        try:
            return Path(path).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            raise UserError(f"BEARER_TOKEN_FILE: {path} cannot be read") from None
    return None


def _netrc(host: str) -> tuple[str | None, str | None]:
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    if not path.is_file():
        return None, None
    try:
        found = netrc.netrc(path).authenticators(host)
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path} cannot be read") from None
    except netrc.NetrcParseError as error:
        # its message can have a word of the file in it
        raise UserError(
            f"{path}: line {error.lineno} is not understood, or others may read the file",
            hint="Correct it, and let nobody else read it: chmod 600 ~/.netrc",
        ) from None
    return (found[0], found[2]) if found else (None, None)


def tls() -> ssl.SSLContext:
    """Return how TLS is spoken: certificates are always checked.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace the authorities that are trusted, ``X509_CERT_DIR`` adds those of
    the grid.

    Raises
    ------
    UserError
        A certificate that the environment names cannot be read.
    """
    import httpx

    context = httpx.create_ssl_context()
    try:
        if folder := os.environ.get("X509_CERT_DIR"):
            context.load_verify_locations(capath=folder)
        if proxy := os.environ.get("X509_USER_PROXY"):
            context.load_cert_chain(proxy)
    except (OSError, ssl.SSLError):
        raise UserError("the certificates that X509_CERT_DIR or X509_USER_PROXY name cannot be read") from None
    return context
