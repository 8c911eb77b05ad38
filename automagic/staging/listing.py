"""Folders as a web server shows them: WebDAV's XML and index pages in HTML. Nothing in either is trusted."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from automagic.staging.remote import Listing, RemoteEntry
from automagic.staging.trouble import Permanent
from automagic.staging.urls import check_step, safe_name

SRM = "http://srm.lbl.gov/StorageResourceManager"
DCACHE = "http://www.dcache.org/2013/webdav"

QUESTION = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/>'
    f'<S:FileLocality xmlns:S="{SRM}"/></D:prop></D:propfind>'
)
"""What is asked of every file. ``FileLocality`` is dCache's: ``ONLINE``, ``NEARLINE``, ``ONLINE_AND_NEARLINE`` …"""

_READING = "Reading"  # so the titles of files on tape begin at the data centre
_SIZE = re.compile(r"\b(\d{1,3}(?:,\d{3})+|\d+) bytes\b")
_COLUMN = re.compile(r"(\d{4}-\d\d-\d\d|\d\d-[A-Z][a-z]{2}-\d{4}) (\d\d:\d\d)(?::\d\d)?(?:\s+(\d+))?(?=\s|$)")


def add(found: Listing, name: str, folder: bool, **about: Any) -> None:
    """Put a name into a listing, if it is one that a file can have."""
    try:
        check_step(name)
        if name.startswith("."):  # hidden
            return
        if not folder:
            safe_name(name)
    except ValueError as error:
        found.files.append(RemoteEntry(repr(name), problem=str(error)))
        return
    if folder:
        found.folders.append(name)
    else:
        found.files.append(RemoteEntry(name, **about))


def inside(folder: str, link: str) -> tuple[str, bool] | None:
    """Return the name that a link in a listing of a folder leads to, and whether it is a folder.

    `None` where it does not lead right into the folder: to its parent, elsewhere, or to another order of the page.

    >>> inside("https://host/a", "b%20c/"), inside("https://host/a", "../b"), inside("https://host/a", "?C=N")
    (('b c', True), None, None)
    """
    base = folder.rstrip("/") + "/"
    try:
        target, here = urlsplit(urljoin(base, link)), urlsplit(base)
        same = (target.scheme, target.hostname, target.port) == (here.scheme, here.hostname, here.port)
    except ValueError:
        return None
    # compared as they mean, since servers quote in their own way
    path, top = target.path, here.path
    if not same or target.query or "#" in link or not unquote(path).startswith(unquote(top)):
        return None
    rest = path[len(top) :] if path.startswith(top) else "/".join(path.split("/")[top.count("/") :])
    name = unquote(rest.removesuffix("/"))
    if not name or "/" in rest.removesuffix("/"):
        return None
    return name, rest.endswith("/")


def multistatus(folder: str, answer: Any) -> Listing:
    """Read the answer to a PROPFIND.

    Raises
    ------
    Permanent
        It cannot be understood.
    """
    from webdav4.multistatus import parse_multistatus_response  # type: ignore[import-untyped]

    text = answer.text
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Permanent("its listing has definitions of its own, which are not read")
    try:
        rows = parse_multistatus_response(answer).responses.values()
    except Exception:
        raise Permanent("its listing cannot be understood") from None
    found = Listing()
    for row in rows:
        place = inside(folder, row.href)
        if place is None:  # the folder itself
            continue
        about = row.properties
        locality = row.response_xml.findtext(f".//{{{SRM}}}FileLocality")
        found.tells_place |= locality is not None
        modified = about.modified.timestamp() if about.modified else None
        add(
            found,
            place[0],
            bool(about.collection),
            size=about.content_length,
            mtime=modified,
            place="tape" if locality == "NEARLINE" else "online",
        )
    return found


class Page(HTMLParser):
    """Reads an index page: links, and what their row says of size, date and tape.

    As the data centre's page is: a table with a row a file, whose link has the attribute ``download``, and an icon
    with a title that begins with "Reading" where the file is on tape. Plain indexes of nginx and Apache are read as
    well.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(convert_charrefs=True)
        self.folder = folder
        self.found = Listing()
        self._links: list[tuple[str, bool]] = []
        self._titles: list[str] = []
        self._text: list[str] = []
        self._in_row = False
        self.title = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of links, rows and titles."""
        about = {key: value or "" for key, value in attrs}
        if tag == "tr":
            self._end_row()
            self._in_row = True
        elif tag == "title":
            self._in_title = True
        elif tag == "a" and about.get("href"):
            if not self._in_row:
                self._end_row()
            place = inside(self.folder, about["href"])
            if place is not None:
                name, folder = place
                self._links.append((name, folder and "download" not in about))
        if about.get("title"):
            self._titles.append(about["title"].strip())

    def handle_endtag(self, tag: str) -> None:
        """Take note of the end of a row."""
        if tag in ("tr", "table", "pre", "body"):
            self._end_row()
            self._in_row = False
        elif tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        """Keep the text of a row."""
        if self._in_title:
            self.title += data
        self._text.append(data)

    def close(self) -> None:
        """Read what is left."""
        super().close()
        self._end_row()

    def _end_row(self) -> None:
        if self._links:
            tape = any(title.startswith(_READING) for title in self._titles)
            size, mtime = self._numbers()
            for name, folder in dict.fromkeys(self._links):
                add(self.found, name, folder, size=size, mtime=mtime, place="tape" if tape else "online")
        self.found.tells_place |= bool(self._titles and self._links)
        self._links, self._titles, self._text = [], [], []

    def _numbers(self) -> tuple[int | None, float | None]:
        text = " ".join(self._text)
        size = mtime = None
        if match := _COLUMN.search(text):
            form = "%Y-%m-%d %H:%M" if match[1][4] == "-" else "%d-%b-%Y %H:%M"
            try:
                mtime = datetime.strptime(f"{match[1]} {match[2]}", form).replace(tzinfo=UTC).timestamp()
            except ValueError:
                mtime = None
            size = int(match[3]) if match[3] else None
        if match := _SIZE.search(" ".join([*self._titles, text])):
            size = int(match[1].replace(",", ""))
        return size, mtime


def page(folder: str, text: str) -> Listing:
    """Read an index page of a folder."""
    parser = Page(folder)
    parser.feed(text)
    parser.close()
    return parser.found


def title(text: str) -> str:
    """Return the title of a page."""
    parser = Page("https://nowhere")
    parser.feed(text)
    return " ".join(parser.title.split())
