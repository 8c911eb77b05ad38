"""Listings and answers of storage, with a real server."""

import os
import subprocess

import pytest

from automagic.errors import UserError
from automagic.staging.listing import page
from automagic.staging.remote import Remote, RemoteEntry, walk
from automagic.staging.trouble import OnTape, Permanent, Temporary, classify, seconds
from automagic.staging.web import Web, checksums


def tree(url):
    return {folder: [(each.name, each.size, each.place) for each in entries] for folder, entries in walk(url)}


EXPECTED = {
    "/": [],
    "/Crab": [("a.raw", 100_000, "online"), ("b.raw", 50_000, "online")],
    "/Mrk421": [("c+1.raw", 30_000, "online")],
}


@pytest.mark.parametrize("pages", [None, "pic", "plain"])
def test_walk_finds_the_same_by_webdav_and_on_index_pages(server, pages):
    server.pages = pages
    scheme = "http" if pages else "dav"
    found = tree(server.url(scheme))
    assert {folder.removeprefix(server.url(scheme)) or "/": files for folder, files in found.items()} == EXPECTED


def test_walk_tells_when_files_were_changed(server):
    (entry,) = [e for _, entries in walk(server.url()) for e in entries if e.name == "a.raw"]
    assert entry.mtime == 1.4e9
    server.pages = "plain"
    (entry,) = [e for _, entries in walk(server.url("http")) for e in entries if e.name == "a.raw"]
    assert entry.mtime is not None


@pytest.mark.parametrize("kind", ["pic", "dcache"])
def test_walk_tells_what_is_on_tape(server, kind):
    server.locked = {"b.raw"}
    server.pages, server.dcache = ("pic", False) if kind == "pic" else (None, True)
    found = tree(server.url("http" if kind == "pic" else "dav"))
    places = {name: place for files in found.values() for name, _, place in files}
    assert places == {"a.raw": "online", "b.raw": "tape", "c+1.raw": "online"}


def test_walk_of_a_folder_by_file_scheme(storage):
    found = {folder.removeprefix(f"file://{storage}"): files for folder, files in tree(f"file://{storage}").items()}
    assert {folder or "/": files for folder, files in found.items()} == EXPECTED


def test_names_that_could_be_anything_else_are_shown_and_never_used():
    text = """<table>
    <tr><td><a href="good.root" download="x">get</a></td></tr>
    <tr><td><a href="..%2f..%2fetc%2fpasswd" download="../../etc/passwd">get</a></td></tr>
    <tr><td><a href="/elsewhere/b.raw">b</a></td></tr>
    <tr><td><a href="https://evil.example.org/c.root">c</a></td></tr>
    <tr><td><a href="//evil.example.org/f/c.root">c</a></td></tr>
    <tr><td><a href="nul%00.root">n</a></td></tr>
    <tr><td><a href="line%0aend.root">n</a></td></tr>
    <tr><td><a href="-rf">n</a></td></tr>
    <tr><td><a href="$(reboot).root">n</a></td></tr>
    <tr><td><a href="javascript:alert(1)">n</a></td></tr>
    <tr><td><a href="..">up</a> <a href="../">up</a> <a href=".">here</a> <a href="?C=M;O=A">sort</a></td></tr>
    </table>"""
    found = page("https://host/f", text)
    assert [each for each in found.files if each.problem is None] == [RemoteEntry("good.root")]
    bad = [each for each in found.files if each.problem]
    assert len(bad) == 5  # ../../etc/passwd, NUL, new line, -rf, $(reboot)
    assert all(each.name.isprintable() for each in bad)
    assert found.folders == []


def test_xml_with_definitions_of_its_own_is_not_read(server, monkeypatch):
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]><D:multistatus xmlns:D="DAV:">&b;</D:multistatus>'
    monkeypatch.setattr(server, "_properties", lambda *_: bomb)
    server.dcache = True
    with pytest.raises(UserError, match="definitions of its own"):
        list(walk(server.url()))


def test_folders_without_an_end_end(server, monkeypatch):
    row = '<table><tr><td><a href="again/">again</a></td></tr></table>'
    monkeypatch.setattr(server, "_index", lambda *_: row)
    monkeypatch.setattr(type(server.folder), "is_dir", lambda self: True)
    server.pages = "pic"
    assert len(list(walk(server.url("http")))) == 21


@pytest.mark.parametrize(
    ("status", "after", "kind"),
    [
        (202, None, OnTape), (409, None, OnTape), (423, None, OnTape), (503, "30", OnTape), (503, None, Temporary),
        (429, "5", Temporary), (500, None, Temporary), (502, None, Temporary), (408, None, Temporary),
        (401, None, Permanent), (403, None, Permanent), (404, None, Permanent), (410, None, Permanent),
        (304, None, Permanent), (418, None, Permanent),
    ],
)  # fmt: skip
def test_what_answers_mean(status, after, kind):
    found = classify(status, after)
    assert type(found) is kind
    assert found.after_s == (float(after) if after else None)


def test_retry_after_is_bounded():
    assert seconds("1e9") == 86400
    assert seconds("-5") == 0
    assert seconds("nan") is None
    assert seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_checksums_are_those_of_the_whole_file():
    md5 = "CY9rzUYh03PK3k6DJie09g=="
    assert checksums({"Content-MD5": md5}) == {"md5": "098f6bcd4621d373cade4e832627b4f6"}
    assert checksums({"Content-MD5": md5, "Content-Range": "bytes 1-2/4"}) == {}
    assert checksums({"Digest": "md5=rubbish,unknown=1,adler32=45d01c1"}) == {"adler32": "045d01c1"}
    assert checksums({"Repr-Digest": f"md5=:{md5}:"})["md5"].startswith("098f")
    assert checksums({"X-Checksum-Sha1": "A" * 40, "OC-Checksum": "MD5:" + "0" * 32}) == {
        "sha1": "a" * 40,
        "md5": "0" * 32,
    }


def test_a_password_is_demanded_and_taken_from_netrc_or_the_environment(make_server, tmp_path, monkeypatch):
    server = make_server(user="magic", password="secret")
    with pytest.raises(UserError, match="wants a user and a password") as caught:
        list(walk(server.url()))
    assert "netrc" in caught.value.hint
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login magic password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    assert len(list(walk(server.url()))) == 3
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login magic password wrong\n")
    monkeypatch.setenv("AUTOMAGIC_USER_127_0_0_1", "magic")
    monkeypatch.setenv("AUTOMAGIC_PASSWORD_127_0_0_1", "secret")
    assert len(list(walk(server.url()))) == 3


def test_a_host_that_refuses_us_is_not_asked_again(make_server):
    server = make_server(user="magic", password="secret")
    speaker = Web()
    for _ in range(5):
        with pytest.raises(Permanent, match="401"):
            speaker.size(server.url(path="/Crab/a.raw"))
    assert len(server.requests) == 1


def test_a_damaged_netrc_is_named_without_its_words(server, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login magic pasword s3cret\n")
    with pytest.raises(UserError) as caught:
        list(walk(server.url()))
    assert str(tmp_path / "netrc") in caught.value.message
    assert "s3cret" not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("there is no openssl to make a certificate")
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_a_certificate_that_nobody_signed_is_refused_unless_it_is_trusted(make_server, certificate, monkeypatch):
    server = make_server(tls=certificate)
    with pytest.raises(UserError, match="certificate is not one that we trust") as caught:
        list(walk(server.url("davs")))
    assert "SSL_CERT_FILE" in caught.value.hint
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    assert len(list(walk(server.url("davs")))) == 3


def test_storage_may_not_lead_from_https_to_http(make_server, certificate, monkeypatch):
    plain, server = make_server(), make_server(tls=certificate)
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    monkeypatch.setenv("AUTOMAGIC_TOKEN_127_0_0_1", "t0ken")
    target = plain.url("http", "/Crab/a.root?authz=hidden")

    def app(environ, start):
        start("302 Found", [("Location", target), ("Content-Length", "0")])
        return [b""]

    server._server.wsgi_app = app
    with pytest.raises(Permanent, match="from https to http") as caught, Web().read(server.url("davs", "/Crab/a.raw")):
        pass
    assert "hidden" not in str(caught.value)
    assert "HTTP_AUTHORIZATION" not in plain.requests[0][2]  # another port is another server


def test_tokens_are_sent_over_tls_only(monkeypatch):
    from automagic.staging.credentials import authorization

    monkeypatch.setenv("BEARER_TOKEN", "abc")
    monkeypatch.setenv("NETRC", os.devnull)
    assert authorization("https://host/a") == "Bearer abc"
    assert authorization("http://host/a") is None


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(UserError, match="need the package s3fs") as caught:
        Remote().speaker("s3://bucket/a")
    assert "pip install s3fs" in caught.value.hint
    with pytest.raises(UserError, match="need the package fsspec-xrootd"):
        list(walk("root://host//magic"))


def test_a_server_that_is_not_there_is_an_error_in_words(server):
    url = server.url()
    server.stop()
    with pytest.raises(UserError, match="cannot be reached"):
        list(walk(url))


def test_a_page_in_place_of_a_file(server):
    server.answer = ("200 OK", [("Content-Type", "text/html")])
    server.later["a.raw"] = 2
    with pytest.raises(OnTape, match="Reading from tape"):
        Web().size(server.url(path="/Crab/a.raw"))
    assert Web().size(server.url(path="/Crab/a.raw")) == 100_000
