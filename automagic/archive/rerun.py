"""Run an archive again, on this machine or on a cluster, and compare every product with what it was."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automagic.analysis.site import Site
from automagic.archive.reader import Archive
from automagic.archive.verify import task_of, verify
from automagic.errors import UserError
from automagic.executors import Executor, Request
from automagic.executors.choose import executor_of
from automagic.job.again import DIFFERS, Bench, Order, Row
from automagic.job.bundle import bundle
from automagic.job.certificate import SAME_CONTENT, apptainer_version, certificate, write
from automagic.job.launch import apptainer_of
from automagic.job.rerun import claim, find_images, require_inputs
from automagic.job.steps import Step, StepError, sources, wanted
from automagic.runner.session import Session

Tell = Callable[[Sequence[Row]], None]


@dataclass
class Asked:
    """What a person asked for.

    Attributes
    ----------
    into
        A folder for what is made.
    inputs
        Where the files in storage are.
    images
        Files of images that are not in the archive.
    only
        Tasks; none for all.
    cores
        So many at once on this machine; 0 for as many as it has.
    """

    into: Path
    inputs: list[Path] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)
    only: list[str] = field(default_factory=list)
    cores: int = 0


def rerun(archive: Archive, asked: Asked, site: Site, tell: Tell = lambda _: None) -> dict[str, Any]:
    """Run an archive again; return the certificate, which is in ``certificate.json`` as well.

    Parameters
    ----------
    site
        Where jobs run.
    tell
        Called with the products of each step as they are compared.

    Raises
    ------
    UserError
        The archive is not whole, an input or an image is missing, or a host has other programs.
    """
    found = verify(archive)
    if found.problems:
        shown = "\n".join(f"  {problem}" for problem in found.problems[:5])
        raise UserError(f"{archive.path} is not whole, {len(found.problems)} things are wrong:\n{shown}",
                        hint=f"automagic verify {archive.path} tells all.")  # fmt: skip
    try:
        steps = wanted(found.steps, asked.only)
    except StepError as error:
        raise UserError(str(error), hint="steps.jsonl of the archive lists them.") from None
    storage = require_inputs(steps, asked.inputs, {row[0]: row[3] for row in found.inputs})
    into = claim(asked.into, found.identity)
    images = _images(archive, steps, asked.images, into)
    host = Host(steps, site, into)
    pyz = _job(archive, steps, into)
    executor = executor_of(site, into / "work", f"rerun-{archive.name}", pyz, asked.cores)
    bench = Bench(into, storage, images, pyz, apptainer_of(executor.kind, site.condor.apptainer), executor.kind)
    rows: dict[str, list[Row]] = {}
    for step, reason in Loop(executor, bench, steps, host).run():
        compared = bench.compare(step, reason)
        for row in compared:
            look_closer(archive, row, into)
        rows[step["action"]] = compared
        tell(compared)
    ordered = [row for step in steps for row in rows[step["action"]]]
    about = {"name": archive.name, "manifest_sha256": found.identity}
    told = certificate(about, steps, ordered, asked.only, apptainer_version(bench.apptainer) if images else "")
    write(told, into / "certificate.json")
    return told


def _images(archive: Archive, steps: Sequence[Step], given: Sequence[Path], into: Path) -> dict[str, Path]:
    """Return the images of steps by the hash of their file system; those of the archive are unpacked."""
    inside = [step for step in steps if step.get("image")]
    names = {step["image"]["name"] for step in inside}
    paths = list(given)
    for name in sorted(names):
        target = into / "images" / f"{name}.sif"
        if f"data/images/{name}.sif" not in archive.sizes:
            continue
        if not target.exists():
            archive.copy(f"data/images/{name}.sif", target)
        paths.append(target)
    return find_images(inside, paths, partition)


def partition(path: Path) -> str:
    """Return the hash of the file system in an image: a signature that came later does not change it."""
    from automagic.images.digest import digests, layout

    try:
        return digests(path, layout(path))[1]
    except UserError:
        return ""


def _job(archive: Archive, steps: Sequence[Step], into: Path) -> Path:
    """Return the job: the archive's own, where it runs inside of images alone; never on this host."""
    if not all(step.get("image") for step in steps):
        return bundle(into / "work")
    target = into / "work" / "job.pyz"
    target.unlink(missing_ok=True)
    archive.copy("data/job.pyz", target)
    return target


class Host:
    """The programs of this host, for steps that were not run in an image: they must be the same as then.

    Raises
    ------
    UserError
        They are others.
    """

    def __init__(self, steps: Sequence[Step], site: Site, into: Path) -> None:
        marssys = {str(name): site.place(each.marssys) for name, each in site.engines.items() if each.marssys}
        self.session = Session(into, {}, marssys)
        checked = set()
        for step in steps:
            if step.get("image") or step["engine"] in checked:
                continue
            checked.add(step["engine"])
            now = self.session.engine_digest(step["engine"])
            if now != step["engine_digest"]:
                raise UserError(
                    f"{step['tasks'][0]} was run in a {step['environment']}; this host has other programs of engine "
                    f"{step['engine']!r}: sha256 {now[:16]}…",
                    hint="What was run without an image can be run again only where the same programs are.",
                )

    def command(self, step: Step) -> tuple[list[str], dict[str, str]]:
        """Return command and environment of a step: of an image as they were, of a host as they are here."""
        if step.get("image"):
            return step["command"], step["variables"]
        task = task_of(step)
        return self.session.command(task), self.session.variables(task)


class Loop:
    """Runs steps with an executor, each when those before it have ended.

    Parameters
    ----------
    host
        Knows the commands.
    alone
        Whether each step reads what it read then, and waits for no other.
    """

    def __init__(
        self, executor: Executor, bench: Bench, steps: Sequence[Step], host: Host, alone: bool = False
    ) -> None:
        self.executor = executor
        self.bench = bench
        self.host = host
        self._order = Order(steps, (lambda _: ()) if alone else sources)
        self._running: dict[str, Step] = {}

    def run(self) -> Iterator[tuple[Step, str]]:
        """Run all; yield each step with why it failed, or an empty text, as it ends."""
        done = False
        try:
            while self._order.ready or self._running:
                yield from self._start()
                if not self._running:
                    continue
                for event in self.executor.wait():
                    if event.kind == "ended" and event.attempt in self._running:
                        step = self._running.pop(event.attempt)
                        reason = self.bench.collect(step)
                        if reason and event.detail:
                            reason = f"{reason} ({event.detail})"
                        yield self._end(step, reason)
            done = True
        finally:
            if not done:
                self.executor.cancel()
            self.executor.close()

    def _start(self) -> Iterator[tuple[Step, str]]:
        requests = []
        ready, self._order.ready = self._order.ready, []
        for step in ready:
            if lost := self._order.lost(step):
                yield self._end(step, lost)
            elif self.bench.is_there(step):
                yield self._end(step, "")
            else:
                try:
                    requests.append(self._request(step))
                except FileNotFoundError as error:
                    yield self._end(step, str(error))
        if requests:
            self.executor.submit(requests)

    def _request(self, step: Step) -> Request:
        inputs = self.bench.prepare(step, *self.host.command(step))
        folder, image, needs = self.bench.work(step), self.bench.image(step), step["resources"]
        self._running[folder.name] = step
        return Request(
            attempt=folder.name,
            folder=folder,
            task=step["tasks"][0],
            stage=step["program"],
            action=step["action"],
            image=image,
            cores=int(needs["cores"]),
            memory_mb=int(needs["memory_mb"]),
            disk_mb=int(needs["disk_mb"]),
            minutes=needs["minutes"],
            inputs=tuple(inputs) if image is not None or self.bench.kind != "local" else (),
        )

    def _end(self, step: Step, reason: str) -> tuple[Step, str]:
        self._order.end(step, reason)
        return step, reason


def look_closer(archive: Archive, row: Row, into: Path) -> None:
    """Say of a product that differs where it does, as far as the archive has it."""
    if row["verdict"] != DIFFERS:
        return
    if row["file"] is None:
        row["differences"] = ["the archive has its hash alone"]
        return
    before = into / "work" / f"{row['sha256'][:16]}-{Path(row['name']).name}"
    before.unlink(missing_ok=True)
    archive.copy(f"data/{row['file']}", before)
    try:
        compare_with(row, before)
    finally:
        before.unlink(missing_ok=True)


def compare_with(row: Row, before: Path) -> None:
    """Say of a product where it differs from what it was, and whether in content at all."""
    from automagic.diff import compare

    report = compare(before, Path(row["again"]))
    row["differences"] = report.lines
    if report.verdict == SAME_CONTENT:
        row["verdict"] = SAME_CONTENT


def tidy(into: Path) -> None:
    """Take away what is left of jobs, where all went well."""
    with contextlib.suppress(OSError):
        shutil.rmtree(into / "work")
