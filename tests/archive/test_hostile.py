"""An archive from a stranger: each bad one is refused with the reason, and nothing is written outside of the folder."""

import contextlib
import gzip
import json
import os
import tarfile

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.archive.reader import Archive
from automagic.archive.verify import verify
from automagic.cli import main
from automagic.errors import UserError
from automagic.job.steps import StepError, read_steps
from tests.archive.bags import Parts, entry

EVIL = b"evil"


def member(name, **about):
    """Return what adds one member to the tar file."""
    return lambda parts: [(entry(name, **{"size": len(EVIL), **about}), EVIL)]


def through_a_link(parts):
    """A link to a folder elsewhere, and a file through it."""
    link = entry("crab/data/way", type=tarfile.SYMTYPE, linkname="/tmp")
    return [(link, b""), (entry("crab/data/way/evil", size=len(EVIL)), EVIL)]


# what stands in the tar file, and a word of the reason
MEMBERS = {
    "up": (member("crab/../../evil"), "no name inside"),
    "up at once": (member("../evil"), "one folder"),
    "absolute": (member("/tmp/evil"), "one folder"),
    "another folder": (member("other/evil"), "one folder"),
    "no folder": (member("evil"), "one folder"),
    "dot": (member("crab/./evil"), "no name inside"),
    "empty part": (member("crab//evil"), "no name inside"),
    "backslash": (member("crab/data\\evil"), "no name inside"),
    "line break": (member("crab/data/a\nb"), "no name inside"),
    "escape sequence": (member("crab/data/\x1b[2Jevil"), "no name inside"),
    "long": (member("crab/data/" + "x/" * 2500 + "evil"), "no name inside"),
    "not text": (member("crab/data/\udcff"), "no name inside"),
    "symbolic link": (member("crab/data/evil", type=tarfile.SYMTYPE, linkname="../../../etc", size=0), "no plain file"),
    "link to a file of it": (
        member("crab/data/e", type=tarfile.LNKTYPE, linkname="crab/bagit.txt", size=0),
        "no plain",
    ),
    "through a link": (through_a_link, "no plain file"),
    "device": (member("crab/data/evil", type=tarfile.CHRTYPE, devmajor=1, devminor=3, size=0), "no plain file"),
    "pipe": (member("crab/data/evil", type=tarfile.FIFOTYPE, size=0), "no plain file"),
    "twice": (member("crab/data/steps.jsonl"), "twice"),
    "below a file": (member("crab/data/steps.jsonl/evil"), "below a file"),
    "as a folder": (member("crab/../evil", type=tarfile.DIRTYPE, size=0), "no name inside"),
}


def first(**changes):
    """Return what changes the first step."""

    def change(parts):
        parts.steps(lambda steps: steps[0].update(changes))

    return change


def at(*keys, value):
    """Return what changes something deep in the first step."""

    def change(parts):
        def one(steps):
            place = steps[0]
            for key in keys[:-1]:
                place = place[key]
            place[keys[-1]] = value

        parts.steps(one)

    return change


def outside_of_the_image(parts):
    """A program of the host, called one of an image."""
    image = {"name": "mars", "partition_sha256": "a" * 64, "file_sha256": "b" * 64}
    changes = {"image": image, "engine_digest": "a" * 64, "command": ["/opt/programs/../../bin/sh", "-c", "evil"]}
    first(**changes)(parts)
    parts.receipt(lambda told: told.update({"command": changes["command"], "image": image}))


def crate(**entity):
    """Return what adds an entity to the crate."""
    return lambda parts: parts.json("data/ro-crate-metadata.json", lambda told: told["@graph"].append(entity))


def product(parts):
    """Another product in the place of one."""
    parts["data/products/dl3/1+0.fits"] = EVIL


def reads_later(parts):
    """The first step reads what the last one makes."""

    def change(steps):
        last = steps[-1]
        steps[0]["inputs"][0].update({"from": last["action"], "product": last["made"][0]["name"]})

    parts.steps(change)


def line_in_card(parts):
    """A key more in a card, by a line break in a value: the card and the receipt agree."""

    def change(steps):
        steps[0]["card"] = "star.Level: 6\nstar.Other: 7\n"

    parts.steps(change)
    action = json.loads(parts["data/steps.jsonl"].splitlines()[0])["action"]
    parts[f"data/store/{action[:2]}/{action}/card.rc"] = b"star.Level: 6\nstar.Other: 7\n"


# what is in the files, with all checksums right, and a word of the reason
CONTENT = {
    "no bagit.txt": (lambda p: p.pop("bagit.txt"), "no bagit.txt"),
    "no version": (lambda p: p.update({"bagit.txt": b"hello"}), "version"),
    "to be fetched": (lambda p: p.update({"fetch.txt": b"http://x 1 data/x\n"}), "fetch.txt"),
    "no steps": (lambda p: p.pop("data/steps.jsonl"), "steps.jsonl"),
    "steps are no JSON": (lambda p: p.update({"data/steps.jsonl": b"{\n"}), "no JSON"),
    "steps are deep": (lambda p: p.update({"data/steps.jsonl": b"[" * 100_000 + b"\n"}), "line 1"),
    "a number as a step": (lambda p: p.update({"data/steps.jsonl": b"7\n"}), "no object"),
    "a newer form": (first(form_version=99), "form is 99"),
    "an action that is none": (first(action="../../evil"), "no SHA-256"),
    "a forged action": (lambda p: p.steps(lambda s: s[-1].update(action="a" * 64)), "is not that of"),
    "a changed argument": (first(arguments=["other.txt"]), "is not that of"),
    "a card that is none": (first(card="{no card\n"), "card cannot be read"),
    "a card.rc that is none": (
        lambda p: p.update({n: b"{no card\n" for n in p if n.endswith("/card.rc")}),
        "not the card of the step",
    ),
    "a line more in a card": (line_in_card, "is not that of"),
    "a program outside of the image": (outside_of_the_image, "not one of the image's"),
    "a program with a path": (first(executable="../../bin/sh"), "not allowed"),
    "a program with a blank": (first(program="a b"), "no word"),
    "a role that leads out": (at("inputs", 0, "role", value="../../x"), "not allowed"),
    "a name that leads out": (at("inputs", 0, "name", value="/etc/passwd"), "not allowed"),
    "a name with a line break": (at("inputs", 0, "name", value="a\nmount /"), "not allowed"),
    "an output that leads out": (at("outputs", 0, "name", value="../x"), "not allowed"),
    "an output called receipt": (at("outputs", 0, "name", value="receipt.json"), "may not be called"),
    "a product that leads out": (at("made", 0, "file", value="../../evil"), "not allowed"),
    "a product of nobody": (at("made", 0, "name", value="other.txt"), "none of the outputs"),
    "a size that is none": (at("made", 0, "size", value=-1), "no SHA-256"),
    "a variable that is none": (at("variables", value={"A\nB": "x"}), "not sound"),
    "a NUL in a word": (first(command=["join", "a\0b"]), "other than text"),
    "memory that is none": (at("resources", "memory_mb", value="lots"), "no number"),
    "the same step twice": (lambda p: p.steps(lambda s: s.append(s[0])), "there twice"),
    "a step before itself": (reads_later, "no step before it"),
    "an input of nowhere": (lambda p: p.update({"data/inputs.tsv": b""}), "does not list"),
    "another product": (product, "not in the archive as it was made"),
    "no receipt": (lambda p: [p.pop(n) for n in list(p) if n.endswith("receipt.json")], "no receipt"),
    "another receipt": (lambda p: p.receipt(lambda told: told.update(action="b" * 64)), "not that of the action"),
    "a receipt of other files": (lambda p: p.receipt(lambda told: told.update(inputs=[])), "other inputs"),
    "a receipt of another program": (lambda p: p.receipt(lambda told: told.update(command=["sh"])), "another program"),
    "a receipt of a later form": (lambda p: p.receipt(lambda told: told.update(receipt=9)), "does not read"),
    "a receipt that is a list": (lambda p: p.receipt(lambda told: told.update(outputs=7)), "does not tell"),
    "a crate of other files": (crate(**{"@id": "../../../etc/passwd", "@type": "File"}), "not in the archive"),
    "a crate of the host's files": (crate(**{"@id": "file:///etc/passwd", "@type": "File"}), "elsewhere"),
    "a crate without an action": (
        lambda p: p.json("data/ro-crate-metadata.json", lambda t: t.update({"@graph": t["@graph"][:3]})),
        "does not tell of",
    ),
    "a crate that is none": (lambda p: p.update({"data/ro-crate-metadata.json": b"[]"}), "no RO-Crate"),
}

# what is in the manifests, and a word of the reason
MANIFESTS = {
    "lies": (lambda text: text.replace(text[:8], b"00000000", 1), "is not what manifest"),
    "names what is not there": (lambda text: text + b"0" * 64 + b"  data/none\n", "is not there"),
    "leaves a file out": (lambda text: text[text.index(b"\n") + 1 :], "not in manifest"),
    "leads out": (lambda text: text + b"0" * 64 + b"  ../../etc/passwd\n", "no name inside"),
    "says a file twice": (lambda text: text + text, "twice"),
    "has a line that is none": (lambda text: text + b"hello\n", "no checksum"),
    "is no text": (lambda text: b"\xff\xfe" + text, "no text"),
}


@pytest.fixture
def parts(bag):
    """Return the parts of a good archive."""
    return Parts(bag)


def refused(path, tmp_path, word):
    """See that neither ``verify`` nor ``rerun`` takes an archive, and that nothing is written outside of DIR."""
    box = tmp_path / "box"
    box.mkdir()
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    looked = CliRunner().invoke(main, ["verify", str(path)])
    assert looked.exit_code in (1, 2), looked.output
    assert word in looked.output, looked.output
    assert looked.exception is None or isinstance(looked.exception, SystemExit)
    ran = CliRunner().invoke(main, ["rerun", str(path), "--into", str(box / "dir")])
    assert ran.exit_code == 2, ran.output
    assert isinstance(ran.exception, SystemExit)
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before
    assert not os.path.exists("/tmp/evil")


def test_the_good_one_is_taken(parts, tmp_path):
    parts.seal()
    parts.write(tmp_path / "a.tar")
    with Archive(tmp_path / "a.tar") as opened:
        assert verify(opened).problems == []


@pytest.mark.parametrize("what", MEMBERS)
def test_members(parts, tmp_path, what):
    add, word = MEMBERS[what]
    parts.write(tmp_path / "a.tar", add(parts))
    refused(tmp_path / "a.tar", tmp_path, word)


@pytest.mark.parametrize("what", CONTENT)
def test_content(parts, tmp_path, what):
    change, word = CONTENT[what]
    change(parts)
    parts.seal()
    parts.write(tmp_path / "a.tar")
    refused(tmp_path / "a.tar", tmp_path, word)


@pytest.mark.parametrize("what", MANIFESTS)
def test_manifests(parts, tmp_path, what):
    change, word = MANIFESTS[what]
    parts["manifest-sha256.txt"] = change(parts["manifest-sha256.txt"])
    parts.write(tmp_path / "a.tar")
    refused(tmp_path / "a.tar", tmp_path, word)


def sparse(path, content):
    """A file of a terabyte that is not there."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(entry("crab/bagit.txt", size=0))
        made = entry("crab/data/bomb", size=0, type=tarfile.GNUTYPE_SPARSE)
        tar.addfile(made)


def claims(path, content):
    """A member that claims more than there is."""
    with tarfile.open(path, "w") as tar:
        tar.addfile(entry("crab/bagit.txt", size=0))
        tar.fileobj.write(entry("crab/data/bomb", size=1 << 40).tobuf())


FILES = {
    "compressed": (lambda path, content: path.write_bytes(gzip.compress(content)), "no plain tar file"),
    "no tar file": (lambda path, content: path.write_bytes(b"hello" * 1000), "no plain tar file"),
    "empty": (lambda path, content: path.write_bytes(b""), "no plain tar file"),
    "nothing in it": (lambda path, content: tarfile.open(path, "w").close(), "is empty"),
    "cut short": (lambda path, content: path.write_bytes(content[: len(content) // 2]), ""),
    "sparse": (sparse, ""),
    "claims a terabyte": (claims, "cut short"),
    "is not there": (lambda path, content: None, "no archive"),
}


@pytest.mark.parametrize("what", FILES)
def test_files(bag, tmp_path, what):
    make, word = FILES[what]
    make(tmp_path / "a.tar", bag.read_bytes())
    refused(tmp_path / "a.tar", tmp_path, word)


def test_a_folder_with_a_link_or_a_pipe_is_refused(parts, tmp_path):
    for name, make in {"link": lambda p: p.symlink_to("/etc/passwd"), "pipe": os.mkfifo}.items():
        folder = tmp_path / name
        for path, content in parts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        make(folder / "data" / "extra")
        with pytest.raises(UserError, match="no plain file"):
            Archive(folder)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_step_ends_in_steps_or_in_a_reason(bag, data):
    lines = Parts(bag)["data/steps.jsonl"].splitlines()
    line = bytearray(lines[0])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line) - 1))
        line[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(StepError):
        assert read_steps([bytes(line)])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_byte_that_is_changed_is_found(bag, tmp_path_factory, data):
    content = bytearray(bag.read_bytes())
    with tarfile.open(bag) as tar:
        spans = [(m.offset_data, m.offset_data + m.size) for m in tar if m.isfile() and m.size]
    start, end = data.draw(st.sampled_from(spans))
    content[data.draw(st.integers(start, end - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("byte") / "a.tar"
    path.write_bytes(content)
    with contextlib.suppress(UserError), Archive(path) as opened:
        assert verify(opened).problems
