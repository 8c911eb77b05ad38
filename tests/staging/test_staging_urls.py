"""Addresses and names: nothing secret, nothing that leaves its folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automagic.analysis.explain import explain
from automagic.analysis.remote import Recall, RemoteStorage, Root, Transfer
from automagic.staging.listing import inside
from automagic.staging.urls import check_url, join, redact, safe_name, split, web

NAMES = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@host/a",
        "https://me@host/a",
        "https://me:sec/ret@host/a",
        "https://me:se@cret@host/a",
        "https://host/a?token=secret",
        "https://host/a#secret",
        "https://host/a/../b",
        "https://host/a/%2e%2e/b",
        "https://host/a%2Fb/%00",
        "https://host/a\\b",
        "ftp://host/a",
        "https:///a",
        "https://ho st/a",
        "https://host:port/a",
    ],
)
def test_an_address_that_is_not_allowed_is_refused_without_its_secret(url):
    with pytest.raises(ValueError) as caught:
        check_url(url)
    assert "secret" not in str(caught.value)
    assert "cret" not in redact(f"so: {url}, it was").replace("secret", "x" if "#" in url else "secret") or "#" in url


@given(user=st.from_regex(r"[^\s/@'\"<>:?#]{1,8}", fullmatch=True),
       password=st.from_regex(r"[^\s'\"<>]{4,12}", fullmatch=True))  # fmt: skip
def test_no_password_survives_redaction(user, password):
    shown = redact(f"error at https://{user}:{password}@host/path/file.root: no")
    assert f"{user}:{password}" not in shown
    assert shown.startswith("error at https://***@")


def test_addresses_have_one_form():
    assert check_url("HTTPS://Host:443//a//b/") == "https://host/a/b"
    assert check_url("davs://host:2880/a b/S5 0716+71") == "davs://host:2880/a%20b/S5%200716+71"
    assert check_url("root://host//magic/a") == "root://host//magic/a"
    assert check_url("file:///data/a") == "file:///data/a"
    assert check_url("https://[::1]:8443/a") == "https://[::1]:8443/a"
    assert web("webdavs://host/a") == "https://host/a"


@given(NAMES)
def test_a_name_in_an_address_comes_back_or_is_refused(name):
    try:
        url = join("https://host/folder", name)
    except ValueError:
        return
    if name.strip("/"):
        assert split(url) == ("https://host/folder", name)
    assert url.isprintable()
    assert " " not in url


@given(NAMES)
def test_a_safe_name_is_only_a_name(name):
    try:
        found = safe_name(name)
    except ValueError:
        return
    assert found == name
    assert "/" not in name
    assert not name.startswith((".", "-", "~"))
    assert name.isprintable()


@given(
    st.one_of(NAMES, st.sampled_from(["..", "../..", "..%2f..", "%2e%2e/", "//evil/x", "https://evil/a", "/a/../../b"]))
)
def test_a_link_leads_right_into_the_folder_or_nowhere(link):
    found = inside("https://host/folder", link)
    if found is not None:
        assert found[0]
        if "/" in found[0] or found[0] in (".", ".."):
            with pytest.raises(ValueError):
                safe_name(found[0])


def test_a_password_in_site_toml_is_refused_and_not_shown():
    from automagic.analysis.fields import Section

    class Storage(Section):
        roots: list[Root]

    class Site(Section):
        storage: Storage

    with pytest.raises(ValidationError) as caught:
        Site.model_validate({"storage": {"roots": ["https://me:hidden@host/a"]}})
    error = explain(caught.value, Site, "site.toml")
    assert "no user and no password" in error.message
    assert "storage.roots[1]" in error.message
    assert "hidden" not in error.message
    assert Storage(roots=["/data", "HTTPS://HOST/"]).roots == ["/data", "https://host"]


def test_settings_say_what_is_wrong():
    with pytest.raises(ValidationError, match="like '500 GB'"):
        RemoteStorage(quota=500)
    with pytest.raises(ValidationError, match=r"must have .\{list\}."):
        Recall(command=["recall", "all"])
    with pytest.raises(ValidationError, match="either"):
        Recall(command=["recall", "{list}"], tape_api=True)
    with pytest.raises(ValidationError):
        Transfer(parallel=0)


def test_settings_become_plain_data(tmp_path):
    given = RemoteStorage(quota="1.5 TB", recall=Recall(command=["recall", "{list}"], pause_s=700.0))
    settings = given.staging(tmp_path)
    assert settings.quota == 1_500_000_000_000
    assert settings.command == ("recall", "{list}")
    assert settings.look.longest_s == 700.0
