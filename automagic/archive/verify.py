"""Is an archive whole, and does it hang together? Everything is read once; nothing is unpacked, nothing runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from automagic.archive.reader import Archive, check_name
from automagic.errors import UserError
from automagic.graph.identity import action as action_of
from automagic.graph.identity import card_form
from automagic.graph.task import Task
from automagic.job.steps import Step, StepError, read_steps

MANIFEST, TAGS = "manifest-sha256.txt", "tagmanifest-sha256.txt"
NEEDED = ("README.txt", "steps.jsonl", "inputs.tsv", "job.pyz", "launch.sh", "rerun.py", "ro-crate-metadata.json")
_LINE = re.compile(r"([0-9a-f]{64})\s+\*?(\S.*)")
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


@dataclass
class Verified:
    """What was found.

    Attributes
    ----------
    problems
        Each in a person's words; none where all is well.
    steps, inputs
        Read from the archive: see `automagic.job.steps`; SHA-256, size, name and place of files in storage.
    identity
        SHA-256 of the manifest, which names every file of the payload.
    files, read_bytes
        How much was read.
    """

    problems: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    inputs: list[list[str]] = field(default_factory=list)
    identity: str = ""
    files: int = 0
    read_bytes: int = 0


def verify(archive: Archive) -> Verified:
    """Check structure, every checksum, receipts, lineage, crate and images.

    Raises
    ------
    UserError
        It is no archive of ours at all, or in a way that nothing more can be said.
    """
    found = Verified()
    hashes = _check_sums(archive, found)
    missing = [name for name in NEEDED if f"data/{name}" not in archive.sizes]
    if missing:
        raise UserError(f"{archive.path} is no archive of an analysis: it has no data/{missing[0]}")
    try:
        found.steps = read_steps(archive.lines("data/steps.jsonl"))
    except StepError as error:
        raise UserError(f"{archive.path} is refused: data/steps.jsonl, {error}") from None
    found.inputs = list(_inputs(archive, found))
    listed = {row[0] for row in found.inputs}
    for step in found.steps:
        found.problems += _about_step(archive, step, hashes, listed)
    found.problems += _about_images(archive, found.steps, hashes)
    found.problems += _about_crate(archive, found.steps)
    return found


def _check_sums(archive: Archive, found: Verified) -> dict[str, str]:
    """Hash all files and compare them with the manifests; return the hashes."""
    told = archive.text("bagit.txt")
    if "BagIt-Version:" not in told:
        raise UserError(f"{archive.path} is no bag: bagit.txt does not say its version")
    if "fetch.txt" in archive.sizes:
        raise UserError(f"{archive.path} is refused: it has a fetch.txt, so it is not complete in itself")
    hashes = {name: archive.sha256(name) for name in archive.sizes}
    found.files, found.read_bytes = len(hashes), sum(archive.sizes.values())
    found.identity = hashes.get(MANIFEST, "")
    payload = {name for name in hashes if name.startswith("data/")}
    tags = set(hashes) - payload - {TAGS}
    for manifest, wanted in (MANIFEST, payload), (TAGS, tags):
        lines = _manifest(archive, manifest)
        found.problems += [f"{name} is in {manifest}, and is not there" for name in sorted(set(lines) - set(hashes))]
        found.problems += [f"{name} is there, and not in {manifest}" for name in sorted(wanted - set(lines))]
        found.problems += [
            f"{name} is not what {manifest} says: sha256 {hashes[name][:16]}…, not {digest[:16]}…"
            for name, digest in lines.items()
            if name in hashes and hashes[name] != digest
        ]
    return hashes


def _manifest(archive: Archive, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(archive.text(name).splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise UserError(f"{archive.path} is refused: line {number} of {name} is no checksum of a file")
        path = match[2]
        check_name(path, archive.path)
        if path in found:
            raise UserError(f"{archive.path} is refused: {name} has {path} twice")
        found[path] = match[1]
    return found


def _inputs(archive: Archive, found: Verified) -> Iterator[list[str]]:
    for number, line in enumerate(archive.text("data/inputs.tsv").splitlines(), 1):
        row = line.split("\t")
        if len(row) != 4 or not re.fullmatch(r"[0-9a-f]{64}", row[0]) or not row[1].isdigit():
            found.problems.append(f"line {number} of data/inputs.tsv is not: SHA-256, size, name, place")
            continue
        yield row


def _about_step(archive: Archive, step: Step, hashes: dict[str, str], listed: set[str]) -> Iterator[str]:
    """Yield what is wrong with a step: its identity, its receipt, its card, its products."""
    name, action = step["tasks"][0], step["action"]
    place = f"data/store/{action[:2]}/{action}"
    try:
        if action_again(step) != action:
            yield f"{name}: the action {action[:16]}… is not that of its program, card and inputs"
    except (ValueError, UserError) as error:
        yield f"{name}: its card cannot be read: {error}"
    for item in step["inputs"]:
        if item.get("from") is None and item["sha256"] not in listed:
            yield f"{name} reads {item['name']}, which no step makes and inputs.tsv does not list"
    for item in step["made"]:
        if item.get("file") is not None and hashes.get(f"data/{item['file']}") != item["sha256"]:
            yield f"{name}: its product {item['file']} is not in the archive as it was made"
    receipt = _json(archive, f"{place}/receipt.json")
    if receipt is None:
        yield f"{name} has no receipt that can be read"
        return
    yield from _about_receipt(step, receipt)
    card = f"{place}/card.rc"
    if step["card"] and not _same_card(archive, card, step["card"]):
        yield f"{name}: {card} is not the card of the step"


def _same_card(archive: Archive, name: str, card: str) -> bool:
    """Tell whether a file is a card in other words at most: comments may be those of an earlier run."""
    if name not in archive.sizes:
        return False
    try:
        return archive.read(name) == card.encode() or card_form(archive.text(name)) == card_form(card)
    except (ValueError, UserError):
        return False


def _about_receipt(step: Step, receipt: dict[str, Any]) -> Iterator[str]:
    name = step["tasks"][0]
    if receipt.get("receipt") != 1:
        yield f"{name}: its receipt has the form {receipt.get('receipt')!r}, which this version does not read"
        return
    if receipt.get("state") != "done" or receipt.get("action") != step["action"]:
        yield f"{name}: its receipt is not that of the action when it was done"
    if receipt.get("command") != step["command"] or receipt.get("image") != step.get("image"):
        yield f"{name}: its receipt tells of another program or image"
    try:
        read = sorted((i["role"], i["name"], i["sha256"]) for i in receipt["inputs"])
        made = sorted((o["name"], o["sha256"]) for o in receipt["outputs"])
    except (KeyError, TypeError):
        yield f"{name}: its receipt does not tell what was read and made"
        return
    if read != sorted((i["role"], i["name"], i["sha256"]) for i in step["inputs"]):
        yield f"{name}: its receipt tells of other inputs"
    if made != sorted((o["name"], o["sha256"]) for o in step["made"]):
        yield f"{name}: its receipt tells of other products"


def action_again(step: Step) -> str:
    """Return the action of a step from what it says of itself."""
    return action_of(
        task_of(step), step["engine_digest"], [(i["role"], i["name"], i["sha256"]) for i in step["inputs"]]
    )


def task_of(step: Step) -> Task:
    """Return the task of a step: what its command and its environment are made from."""
    return Task(
        step["tasks"][0], step["tasks"][0].partition(":")[0], step["program"], step["engine"], step["executable"],
        tuple(step["arguments"]), step["card"], clock=step["clock"], threads=step["threads"],
    )  # fmt: skip


def _about_images(archive: Archive, steps: list[Step], hashes: dict[str, str]) -> Iterator[str]:
    images = {step["image"]["name"]: step["image"] for step in steps if step.get("image")}
    for name, image in images.items():
        file = f"data/images/{name}.sif"
        if file in hashes and hashes[file] != image["file_sha256"]:
            yield f"{file} is not the image that the steps were run in: sha256 {hashes[file][:16]}…"
    for step in steps:
        image = step.get("image")
        if image and images[image["name"]]["partition_sha256"] != image["partition_sha256"]:
            yield f"{step['tasks'][0]} was run in another image than the others, of the same name {image['name']}"


def _about_crate(archive: Archive, steps: list[Step]) -> Iterator[str]:
    """Yield what is wrong with the crate: it must be of these files and these steps."""
    crate = _json(archive, "data/ro-crate-metadata.json")
    graph = crate.get("@graph") if crate is not None else None
    if not isinstance(graph, list) or not all(isinstance(e, dict) and isinstance(e.get("@id"), str) for e in graph):
        yield "data/ro-crate-metadata.json is no RO-Crate"
        return
    there = set()
    for entity in graph:
        identifier, kinds = entity["@id"], entity.get("@type")
        there.add(identifier)
        if "File" not in (kinds if isinstance(kinds, list) else [kinds]):
            continue
        if _URI.match(identifier):
            if not identifier.startswith("urn:hash::sha256:"):
                yield f"the crate names a file elsewhere: {identifier[:100]!r}"
        elif f"data/{unquote(identifier)}" not in archive.sizes:
            yield f"the crate names a file that is not in the archive: {identifier[:100]!r}"
    for step in steps:
        if f"#action-{step['action']}" not in there:
            yield f"the crate does not tell of {step['tasks'][0]}"


def _json(archive: Archive, name: str) -> dict[str, Any] | None:
    if name not in archive.sizes:
        return None
    try:
        told = json.loads(archive.text(name))
    except (ValueError, RecursionError, UserError):
        return None
    return told if isinstance(told, dict) else None


__all__ = ["Verified", "action_again", "task_of", "verify"]
