"""HTTP and WebDAV, with what `fsspec`'s file systems keep to themselves: statuses, ranges, checksums, dates.

Whether a file is online, coming from tape or gone is said in just these.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from automagic.staging import credentials
from automagic.staging.remote import Listing, Stream
from automagic.staging.trouble import OnTape, Permanent, StorageError, Temporary, classify
from automagic.staging.urls import web

LONGEST_PAGE = 64 << 20
"""A listing longer than so many bytes is none."""

_ASKED_FOR = "sha-256,md5;q=0.8,adler32;q=0.5"
_HEX_LENGTH = {"sha256": 64, "sha512": 128, "sha1": 40, "md5": 32, "adler32": 8}


class Web:
    """Speaks HTTP; several threads may use it at once.

    Parameters
    ----------
    timeout_s
        How long a server may be silent.
    """

    def __init__(self, timeout_s: float = 60.0) -> None:
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._client: Any = None
        self._refused: dict[str, str] = {}

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def list(self, url: str) -> Listing:
        """List a folder: with PROPFIND where the address says WebDAV, from its index page otherwise."""
        from automagic.staging.listing import QUESTION, multistatus, page

        here = web(url) + "/"
        if url.partition("://")[0] in ("http", "https"):
            with self._ask("GET", here) as answer:
                self._expect(answer, (200,))
                return page(web(url), self._whole(answer).text)
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        with self._ask("PROPFIND", here, headers, QUESTION) as answer:
            self._expect(answer, (207,))
            return multistatus(web(url), self._whole(answer))

    def size(self, url: str) -> int | None:
        """Tell the size of a file by asking for its first byte, which also asks for it from tape."""
        with self._ask("GET", web(url), {"Range": "bytes=0-0"}) as answer:
            if answer.status_code == 416:  # there is no first byte
                return 0
            self._expect(answer, (200, 206))
            self._expect_file(answer, url)
            return total(answer)

    def post(self, url: str, body: Any, statuses: tuple[int, ...]) -> Any:
        """Send JSON (or, without a body, ask for a page) and return the JSON that is answered."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        content = None if body is None else json.dumps(body)
        with self._ask("GET" if body is None else "POST", url, headers, content) as answer:
            self._expect(answer, statuses)
            try:
                return json.loads(self._whole(answer).content or b"null")
            except ValueError:
                raise Temporary("storage answers something else than JSON") from None

    @contextlib.contextmanager
    def read(self, url: str, start: int = 0, stamp: str | None = None) -> Iterator[Stream]:
        """Read a file from an offset on, if it still is the one with this stamp."""
        headers = {"Want-Digest": _ASKED_FOR, "Want-Repr-Digest": "sha-256=10, md5=5"}
        if start and stamp:
            headers |= {"Range": f"bytes={start}-", "If-Range": stamp}
        with self._ask("GET", web(url), headers) as answer:
            if answer.status_code == 416:
                answer = None
            else:
                self._expect(answer, (200, 206))
                self._expect_file(answer, url)
                yield self._stream(answer, start)
                return
        with self.read(url) as stream:  # what we have is longer than the file is now
            yield stream

    def _stream(self, answer: Any, start: int) -> Stream:
        begin = 0
        if answer.status_code == 206:
            match = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
            if match is None or int(match[1]) != start:
                raise Temporary("storage sent another part of the file than was asked for")
            begin = start
        return Stream(begin, total(answer), stamp_of(answer), checksums(answer.headers), self._chunks(answer))

    def _chunks(self, answer: Any) -> Iterator[bytes]:
        pieces = answer.iter_raw()  # as they come: what is held back to fill a block is lost when the connection breaks
        while True:
            with _words():
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    # --- one question

    @contextlib.contextmanager
    def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, content: str | None = None
    ) -> Iterator[Any]:
        host = urlsplit(url).netloc
        if host in self._refused:  # not once more a file: some storage shuts out who asks too often
            raise Permanent(self._refused[host])
        # sizes and offsets are those of the file, not of something that is packed for the way
        headers = {"Accept-Encoding": "identity", **(headers or {})}
        if known := credentials.authorization(url):
            headers["Authorization"] = known
        with _words():
            client = self._open()
            request = client.build_request(method, url, headers=headers, content=content)
            answer = client.send(request, stream=True, follow_redirects=True)
        try:
            if answer.url.scheme == "http" and url.startswith("https:"):
                raise Permanent("storage leads from https to http, where anybody can read and change the data")
            yield answer
        finally:
            with contextlib.suppress(Exception):
                answer.close()

    def _open(self) -> Any:
        from webdav4.http import Client  # type: ignore[import-untyped]

        with self._lock:
            if self._client is None:
                self._client = Client(verify=credentials.tls(), timeout=self.timeout_s)
            return self._client

    def _expect(self, answer: Any, statuses: tuple[int, ...]) -> None:
        if answer.status_code in statuses:
            return
        problem = classify(answer.status_code, answer.headers.get("Retry-After"))
        if answer.status_code == 401:
            self._refused[answer.url.netloc.decode("ascii")] = problem.reason
        raise problem

    def _expect_file(self, answer: Any, url: str) -> None:
        """Tell a file from a page that came in its place: one that asks to wait, or to log in."""
        from automagic.staging.listing import title

        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in ("text/html", "application/xhtml+xml") or url.endswith((".html", ".htm")):
            return
        heading = title(self._whole(answer).text)
        if heading.startswith("Reading"):
            after = classify(503, answer.headers.get("Retry-After")).after_s
            raise OnTape(f"storage is bringing it from tape ({heading[:80]})", after)
        raise Permanent(f"storage sends a web page in its place ({heading[:80] or 'without a title'})")

    def _whole(self, answer: Any) -> Any:
        """Read an answer that is a page; httpx's own ``read`` knows no limit."""
        import httpx

        held = bytearray()
        for chunk in self._chunks(answer):
            held += chunk
            if len(held) > LONGEST_PAGE:
                raise Permanent("storage sends a page that does not end")
        kind = {"Content-Type": answer.headers.get("Content-Type", "")}
        return httpx.Response(answer.status_code, headers=kind, content=bytes(held))


@contextlib.contextmanager
def _words() -> Iterator[None]:
    """Say in words what went wrong on the way; httpx's own messages can have addresses with tokens in them."""
    import httpx

    try:
        yield
    except StorageError:
        raise
    except httpx.TimeoutException:
        raise Temporary("storage did not answer in time") from None
    except httpx.ConnectError as error:
        if "CERTIFICATE" in str(error).upper():
            raise Permanent("its certificate is not one that we trust") from None
        raise Temporary("storage cannot be reached") from None
    except httpx.TooManyRedirects:
        raise Permanent("storage leads from one address to the next without end") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise Permanent("storage leads to an address that cannot be used") from None
    except (httpx.HTTPError, httpx.StreamError, OSError) as error:
        raise Temporary(f"the connection broke ({type(error).__name__})") from None


def total(answer: Any) -> int | None:
    """Return the size of the whole file that an answer is about."""
    if answer.status_code == 206:
        match = re.fullmatch(r"bytes \d+-\d+/(\d+)", answer.headers.get("Content-Range", "").strip())
        return int(match[1]) if match else None
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and "Transfer-Encoding" not in answer.headers else None


def stamp_of(answer: Any) -> str | None:
    """Return what ``If-Range`` takes: a strong ETag, else the date of the last change (RFC 9110, 13.1.5)."""
    tag = answer.headers.get("ETag", "")
    return tag if re.fullmatch(r'"[\x21\x23-\x7e]*"', tag) else answer.headers.get("Last-Modified")


def checksums(headers: Any) -> dict[str, str]:
    """Read the checksums of the whole file from the headers of an answer.

    ``Digest`` (RFC 3230), ``Repr-Digest`` (RFC 9530), ``X-Checksum-…`` and ``OC-Checksum`` are of the whole file;
    ``Content-MD5`` and ``Content-Digest`` are of what is sent, which is the whole file unless the answer is a part.

    >>> checksums({"Digest": "md5=CY9rzUYh03PK3k6DJie09g==,adler32=045d01c1"})
    {'md5': '098f6bcd4621d373cade4e832627b4f6', 'adler32': '045d01c1'}
    """
    names = {name.lower(): name for name in headers}
    found: dict[str, str] = {}
    whole = "content-range" not in names
    for header in ("digest", "repr-digest", *(("content-digest",) if whole else ())):
        for part in str(headers.get(names.get(header, header)) or "").split(","):
            algorithm, equals, value = part.strip().partition("=")
            if equals:
                _take(found, algorithm, value.strip(":"))
    if whole and (value := headers.get(names.get("content-md5", ""))):
        _take(found, "md5", value)
    for name in names:
        if name.startswith("x-checksum-"):
            _take(found, name.removeprefix("x-checksum-"), headers[names[name]])
    algorithm, colon, value = str(headers.get(names.get("oc-checksum", "")) or "").partition(":")
    if colon:
        _take(found, algorithm, value)
    return found


def _take(found: dict[str, str], algorithm: str, value: str) -> None:
    """Keep a checksum that is one, written in hex or base64."""
    algorithm, value = algorithm.strip().lower().replace("-", ""), value.strip()
    algorithm = {"sha": "sha1"}.get(algorithm, algorithm)
    length = _HEX_LENGTH.get(algorithm)
    if length is None or algorithm in found:
        return
    if re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", value):
        found[algorithm] = value.lower()
    elif algorithm == "adler32" and re.fullmatch(r"[0-9a-fA-F]{1,7}", value):
        found[algorithm] = value.lower().zfill(8)
    else:
        with contextlib.suppress(ValueError):
            digits = base64.b64decode(value, validate=True).hex()
            if len(digits) == length:
                found[algorithm] = digits
