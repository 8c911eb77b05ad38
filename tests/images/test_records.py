"""Records, pins and definitions of images: what can be known of an image without Apptainer."""

import json
import re
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from automagic.errors import UserError
from automagic.graph.identity import PROJECT
from automagic.images import check, find, pin, read
from automagic.images.build import (
    CONTAINERS,
    ENGINES,
    PACKAGES,
    base_arguments,
    check_arguments,
    file_argument,
    known_arguments,
)
from automagic.images.digest import digests, parse_layout
from automagic.images.pins import read_pins
from automagic.images.record import Record, write
from automagic.images.wheels import environment, needs, parse_lock
from automagic.job.spec import sha256_file

LISTED = """------------------------------------------------------------------------------
ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE
------------------------------------------------------------------------------
1    |1       |NONE    |32176-32361               |Def.FILE
2    |1       |NONE    |32361-35172               |JSON.Generic
4    |1       |NONE    |{start}-{end}                |FS (Squashfs/*System/amd64)
{more}"""


@pytest.fixture
def image(tmp_path):
    """An image, that is a file with a record; no Apptainer would run it."""

    def make(name="openmars", content=b"an image", engine="openmars", inner="ab" * 32):
        path = tmp_path / f"{name}.sif"
        path.write_bytes(content)
        record = Record(path, name, engine, sha256(content).hexdigest(), inner, len(content), {"automagic.base": "x"})
        write(record)
        return record

    return make


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)


@given(labels=st.dictionaries(texts, texts), cards=st.dictionaries(texts, texts), definition=texts)
def test_a_record_is_read_as_it_was_written(tmp_path_factory, labels, cards, definition):
    path = tmp_path_factory.mktemp("image") / "a.sif"
    path.touch()
    record = Record(path, "a", "mars", "0" * 64, "f" * 64, 5, labels, definition, cards, "1.4.5", {"MARS": "x"})
    write(record)
    assert read(path) == record


@pytest.mark.parametrize(
    "change",
    [
        {"partition_sha256": "xyz"}, {"size": -1}, {"size": True}, {"cards": []}, {"labels": {"a": 1}}, {"image": 2},
        {"name": "../a"}, {"engine": None},
    ],
)  # fmt: skip
def test_a_damaged_record_is_told(image, change):
    path = image().path.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=r"openmars\.json is damaged") as caught:
        read(path.with_suffix(".sif"))
    assert "automagic image add" in caught.value.hint


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="there is no image"):
        read(tmp_path / "a.sif")
    (tmp_path / "a.sif").touch()
    with pytest.raises(UserError, match=r"has no record a\.json"):
        read(tmp_path / "a.sif")


def test_another_file_under_the_same_name_is_refused(image):
    record = image()
    assert find(record.path, sha256_file) == record
    record.path.write_bytes(b"another")
    with pytest.raises(UserError, match="is not what its record says") as caught:
        find(record.path, sha256_file)
    assert record.file_sha256[:16] in caught.value.message
    assert sha256(b"another").hexdigest()[:16] in caught.value.message


def test_an_analysis_is_pinned_with_the_first_use_and_refuses_another(image, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    first = image()
    check(folder, "openmars", first)
    check(folder, "openmars", first)
    assert read_pins(folder)["openmars"].partition_sha256 == first.partition_sha256
    other = image(inner="cd" * 32)
    with pytest.raises(UserError) as caught:
        check(folder, "openmars", other)
    assert "abababababab" in caught.value.message
    assert "cdcdcdcdcdcd" in caught.value.message
    assert "automagic image pin" in caught.value.hint
    assert read_pins(folder)["openmars"].partition_sha256 == first.partition_sha256
    assert list(pin(folder, [other])) == ["openmars"]
    check(folder, "openmars", other)
    assert pin(folder, [other]) == {}


def test_a_signature_changes_the_file_and_not_the_pin(image, tmp_path):
    record = image()
    check(tmp_path, "openmars", record)
    check(tmp_path, "openmars", replace(record, file_sha256="9" * 64))


def test_an_image_of_another_engine_is_refused(image, tmp_path):
    with pytest.raises(UserError, match="is of engine 'openmars', not 'mars'"):
        check(tmp_path, "mars", image())
    assert not (tmp_path / "images.lock").exists()


def test_a_damaged_pin_is_told_and_can_be_replaced(image, tmp_path):
    record = image()
    (tmp_path / "images.lock").write_text("[openmars\n")
    with pytest.raises(UserError, match="is damaged"):
        check(tmp_path, "openmars", record)
    pin(tmp_path, [record])
    check(tmp_path, "openmars", record)


@given(before=st.binary(max_size=3000), inner=st.binary(min_size=1, max_size=3000), after=st.binary(max_size=3000))
def test_both_digests_are_those_of_the_file_and_of_what_lies_in_it(tmp_path_factory, before, inner, after):
    path = tmp_path_factory.mktemp("sif") / "a.sif"
    path.write_bytes(before + inner + after)
    where = parse_layout(LISTED.format(start=len(before), end=len(before) + len(inner), more=""))
    assert digests(path, where) == (sha256(before + inner + after).hexdigest(), sha256(inner).hexdigest())


def test_a_signature_is_seen_and_two_file_systems_are_refused():
    more = "5    |NONE    |1   (G) |120590336-120592180       |Signature (SHA-256)\n"
    assert parse_layout(LISTED.format(start=1, end=9, more=more)).signed
    more = "5    |1       |NONE    |10-20                     |FS (Squashfs/*System/amd64)\n"
    with pytest.raises(ValueError, match="2 primary"):
        parse_layout(LISTED.format(start=1, end=9, more=more))


def test_an_image_cut_short_is_told(tmp_path):
    (tmp_path / "a.sif").write_bytes(b"x" * 10)
    with pytest.raises(UserError, match="cut short: 10 bytes of at least 20"):
        digests(tmp_path / "a.sif", parse_layout(LISTED.format(start=5, end=20, more="")))


@pytest.mark.parametrize("name", ENGINES)
def test_what_a_definition_takes_is_there_and_each_argument_has_a_default(name):
    text = (CONTAINERS / f"{name}.def").read_text()
    known = known_arguments(text)
    used = set(re.findall(r"\{\{\s*([A-Z_]+)\s*\}\}", text))
    assert used == set(known)
    assert re.fullmatch(r"debian@sha256:[0-9a-f]{64}", known["FROM"])
    files = re.search(r"^%files\n(.*?)^%", text, re.M | re.S).group(1).split("\n")
    taken = [line.split()[0] for line in files if line.strip() and "{{" not in line]
    missing = [path for path in taken if not path.startswith("containers/wheels/") and not (PROJECT / path).exists()]
    assert not missing
    assert {"containers/base.sh", "containers/sleep.c"} <= set(taken)


@pytest.mark.parametrize("name", ["openmars", "science"])
def test_the_lock_file_has_all_that_an_image_needs(name):
    locked = parse_lock((PROJECT / "requirements.lock").read_text())
    for package in PACKAGES[name]:
        each = locked[str(Requirement(package).name)]
        assert "--hash=sha256:" in each.text
        assert each.marker is None or each.marker.evaluate(environment("x86_64"))


def test_what_a_wheel_needs_is_read_for_the_python_of_the_image():
    metadata = (
        "Name: a\nRequires-Dist: b>=1\nRequires-Dist: c; python_version < '3.11'\nRequires-Dist: d; extra == 'x'\n"
        "Requires-Dist: e; platform_machine == 'aarch64'\n"
    )
    assert [each.name for each in needs(metadata, [], "x86_64")] == ["b"]
    assert [each.name for each in needs(metadata, ["x"], "aarch64")] == ["b", "d", "e"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"NOPE": "1"}, "no build argument 'NOPE'"),
        ({"FROM": "a\nb"}, "cannot hold"),
        ({"FROM": "{{ X }}"}, "cannot hold"),
    ],
)
def test_arguments_that_would_change_a_definition_are_refused(given, words):
    definition = CONTAINERS / "openmars.def"
    with pytest.raises(UserError, match=words):
        check_arguments(given, known_arguments(definition.read_text()), definition)


def test_bases(tmp_path):
    assert base_arguments(str(tmp_path))["BOOTSTRAP"] == "localimage"
    assert base_arguments("debian@sha256:00") == {"BOOTSTRAP": "docker", "FROM": "debian@sha256:00"}
    with pytest.raises(UserError, match="there is no base"):
        base_arguments("/nowhere")
    (tmp_path / "a b").touch()
    with pytest.raises(UserError, match="cannot hold"):
        file_argument(tmp_path / "a b")
