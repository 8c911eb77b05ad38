"""A real WebDAV server on loopback (WsgiDAV in cheroot) that misbehaves as it is told.

It says "on tape, later", breaks transfers in the middle, sends a wrong byte, is down for a while, wants a password and
lies about sizes; it has index pages as the data centre's are, and the properties and tape API of dCache.
"""

import base64
import hashlib
import json
import threading
import urllib.parse
from collections import Counter
from pathlib import Path

from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp

PROPERTY = """<D:response><D:href>{href}</D:href><D:propstat><D:prop>
<D:resourcetype>{kind}</D:resourcetype><D:getcontentlength>{size}</D:getcontentlength>
<S:FileLocality xmlns:S="http://srm.lbl.gov/StorageResourceManager">{locality}</S:FileLocality>
</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"""


class Server:
    """Serves a folder. What is told to it by name counts for files of that name."""

    def __init__(self, folder, user=None, password=None, tls=None):
        self.folder = Path(folder)
        self.user, self.password, self.tls = user, password, tls
        self.later = Counter()  # so many times more: on tape
        self.answer = ("202 Accepted", [("Retry-After", "0")])  # what "on tape" looks like; None hangs up
        self.breaks = Counter()  # so many times more: the connection ends after half of what is to come
        self.wrong = Counter()  # so many times more: one byte is another
        self.lies = {}  # bytes that Content-Length is off by
        self.errors = Counter()  # so many times more: 500
        self.locked = set()  # on tape in listings and for readers, until the tape API or a command brings it
        self.staged = []  # what the tape API was asked for, a list a request
        self.digest = None  # "md5", "adler32": tell checksums
        self.pages = None  # "pic", "plain": index pages
        self.dcache = False
        self.validators = True  # ETag and Last-Modified
        self.ranges = True
        self.hold = threading.Event()  # until set, transfers stop after their first block
        self.hold.set()
        self.requests = []
        self.port = 0
        self._server = None

    # --- up and down

    def start(self):
        users = {self.user: {"password": self.password}} if self.user else True
        config = {
            "host": "127.0.0.1", "port": 8080, "provider_mapping": {"/": str(self.folder)},
            "simple_dc": {"user_mapping": {"*": users}}, "logging": {"enable": False}, "verbose": 0,
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "hotfixes": {"emulate_win32_lastmod": False}, "lock_storage": False, "property_manager": False,
        }  # fmt: skip
        self._dav = WsgiDAVApp(config)
        self._server = wsgi.Server(("127.0.0.1", self.port), self._app, numthreads=8, shutdown_timeout=1)
        self._server.expiration_interval = 0.02  # so long it takes to stop
        self._server.error_log = lambda *args, **more: None
        if self.tls:
            from cheroot.ssl.builtin import BuiltinSSLAdapter

            self._server.ssl_adapter = BuiltinSSLAdapter(*self.tls)
        self._server.prepare()
        self.port = self._server.bind_addr[1]
        self._thread = threading.Thread(target=self._server.serve, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        self.hold.set()
        if self._server is not None:
            self._server.stop()
            self._thread.join(10)
            self._server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def url(self, scheme="dav", path=""):
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def asked(self, method, name):
        """Count requests of a method for a file or folder."""
        return sum(m == method and Path(p).name == name for m, p, _ in self.requests)

    # --- answers

    def _app(self, environ, start):
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"].encode("latin-1").decode()
        name = Path(path).name
        self.requests.append((method, path, {k: v for k, v in environ.items() if k.startswith("HTTP_")}))
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) if method == "POST" else b""
        if "wlcg-tape" in path or path.startswith("/api/"):
            return self._tape_api(path, body, start)
        if self.errors[name]:
            self.errors[name] -= 1
            return self._plain(start, "500 Internal Server Error", b"sorry")
        if method == "GET" and self._is_on_tape(name):
            if self.answer is None:
                raise OSError("hang up")
            return self._plain(start, self.answer[0], *self._page_of(self.answer))
        target = self.folder / path.lstrip("/")
        if method == "GET" and self.pages and target.is_dir():
            return self._plain(start, "200 OK", self._index(target, path).encode(), [("Content-Type", "text/html")])
        if method == "PROPFIND" and self.dcache and target.is_dir():
            return self._plain(
                start, "207 Multi-Status", self._properties(target, path), [("Content-Type", "text/xml")]
            )
        if method == "GET" and target.is_file():
            return self._file(environ, start, target)
        return self._dav(environ, start)

    def _is_on_tape(self, name):
        if name in self.locked:
            return True
        self.later[name] -= self.later[name] > 0
        return self.later[name] > 0

    def _coming(self, folder):
        """Bring what is on its way from tape a step nearer each time that its folder is listed."""
        for each in folder.iterdir():
            self.later[each.name] -= self.later[each.name] > 0

    def _page_of(self, answer):
        kind = dict(answer[1]).get("Content-Type", "")
        body = b"<html><title>Reading from tape</title></html>" if "html" in kind else b"later"
        return body, answer[1]

    @staticmethod
    def _plain(start, status, body=b"", headers=()):
        start(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def _file(self, environ, start, target):
        """Let WsgiDAV answer, and spoil it."""
        if not self.ranges:
            environ.pop("HTTP_RANGE", None)
        told = {}

        def spoiled(status, headers, info=None):
            told.update({k.lower(): v for k, v in headers}, status=status)
            if not self.validators:
                headers = [(k, v) for k, v in headers if k.lower() not in ("etag", "last-modified")]
            if target.name in self.lies and status.startswith("200"):
                length = str(target.stat().st_size + self.lies[target.name])
                headers = [(k, length if k.lower() == "content-length" else v) for k, v in headers]
            if self.digest:
                content = target.read_bytes()
                value = {
                    "md5": lambda: base64.b64encode(hashlib.md5(content).digest()).decode(),
                    "adler32": lambda: f"{__import__('zlib').adler32(content):08x}",
                }[self.digest]()
                headers = [*headers, ("Digest", f"{self.digest}={value}")]
            return start(status, headers, info) if info else start(status, headers)

        blocks = b"".join(self._dav(environ, spoiled))
        if not told.get("status", "").startswith("2") or environ["REQUEST_METHOD"] != "GET":
            return [blocks]
        return self._send(target.name, blocks)

    def _send(self, name, content):
        if self.wrong[name] and len(content) > 1:
            self.wrong[name] -= 1
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        if self.breaks[name] and len(content) > 1:
            self.breaks[name] -= 1
            yield content[: len(content) // 2]
            raise OSError("broken on purpose")
        yield content[:4096]
        self.hold.wait(30)
        yield content[4096:]

    def _index(self, folder, path):
        rows = []
        self._coming(folder)
        for each in sorted(folder.iterdir()):
            quoted = urllib.parse.quote(each.name) + ("/" if each.is_dir() else "")
            if self.pages == "plain":
                rows.append(f'<a href="{quoted}">{each.name}</a>  05-Oct-2013 04:00  {each.stat().st_size}\n')
                continue
            tape = each.name in self.locked or self.later[each.name] > 0
            icon = '<i class="icon-truck" title="Reading this file will be delayed"></i>' if tape else ""
            icon = icon or '<i class="icon-ok" title="Available"></i>'
            size = f'title="{each.stat().st_size:,} bytes"'
            link = f'<a href="{quoted}">{each.name}</a>' if each.is_dir() else (
                f'<a href="{path.rstrip("/")}/{quoted}" download="{each.name}" {size}>get</a>')  # fmt: skip
            rows.append(f"<tr><td>{icon}</td><td>{link}</td></tr>")
        body = f"<pre><a href='../'>../</a>\n{''.join(rows)}</pre>"
        if self.pages == "pic":
            body = f"<table><tr><th>name</th></tr>{''.join(rows)}</table>"
        return f"<html><head><title>Index of {path}</title></head><body>{body}</body></html>"

    def _properties(self, folder, path):
        self._coming(folder)
        rows = [PROPERTY.format(href=path, kind="<D:collection/>", size="", locality="")]
        for each in sorted(folder.iterdir()):
            locality = "NEARLINE" if each.name in self.locked or self.later[each.name] > 0 else "ONLINE"
            href = f"{path.rstrip('/')}/{urllib.parse.quote(each.name)}" + ("/" if each.is_dir() else "")
            kind = "<D:collection/>" if each.is_dir() else ""
            rows.append(PROPERTY.format(href=href, kind=kind, size=each.stat().st_size, locality=locality))
        return f'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">{"".join(rows)}</D:multistatus>'.encode()

    def _tape_api(self, path, body, start):
        if "well-known" in path:
            answer = {"endpoints": [{"uri": f"http://127.0.0.1:{self.port}/api/v1", "version": "v1"}]}
        elif path.endswith("/stage"):
            paths = [each["path"] for each in json.loads(body)["files"]]
            self.staged.append(paths)
            answer = {"requestId": "1"}
        else:
            for paths in self.staged:  # what was asked for is there at the first look
                self.locked -= {Path(each).name for each in paths}
            answer = [
                {"path": each, "locality": "TAPE" if Path(each).name in self.locked else "DISK_AND_TAPE"}
                for each in json.loads(body)["paths"]
            ]
        return self._plain(start, "200 OK", json.dumps(answer).encode(), [("Content-Type", "application/json")])
