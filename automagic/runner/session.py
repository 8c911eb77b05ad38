"""One analysis in one process: which tasks are done, why others are not, and the job of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automagic.bookkeeping import Folder, HashCache, Store
from automagic.bookkeeping.store import Receipt
from automagic.cards import read_text
from automagic.errors import UserError
from automagic.graph.asked import Asked, save
from automagic.graph.identity import PROJECT, action, card_form, engine_digest, recipe
from automagic.graph.task import Input, Task
from automagic.runner.environment import Images, host_variables, image_command, image_variables
from automagic.sharing.store import store_of

if TYPE_CHECKING:
    from automagic.analysis.site import Site
    from automagic.runner.staged import Staged
    from automagic.staging.settings import Settings


@dataclass(frozen=True)
class Standing:
    """How a task stands.

    Attributes
    ----------
    action
        Its identity; `None` while something that it reads is not there.
    receipt
        The receipt of the done action, if all its products are intact; the task is up to date then.
    reason
        Why it is not up to date, in words.
    problem
        Set where it cannot run at all.
    waits
        Set where a task before it has to run first.
    files
        What it reads, as that is now, where it is not up to date.
    """

    action: str | None = None
    receipt: Receipt | None = None
    reason: str = ""
    problem: str | None = None
    waits: str | None = None
    files: list[File] | None = None

    @property
    def fresh(self) -> bool:
        """Whether there is nothing to do."""
        return self.receipt is not None


@dataclass(frozen=True)
class File:
    """An input as it is on disk; `url` is set where it was brought from remote storage."""

    input: Input
    path: str
    sha256: str
    url: str | None = None


def slim(receipt: Receipt | None) -> Receipt | None:
    """Return of a receipt what other tasks ask for: there may be very many."""
    return None if receipt is None else {key: receipt.get(key) for key in ("state", "outputs")}


class Session:
    """An analysis with its tasks, its store and its engines.

    Parameters
    ----------
    root
        The analysis folder.
    tasks
        By name, each after those whose outputs it reads.
    marssys
        Folder of each engine's programs, by engine.
    overrides
        ``[cards.…]`` of the analysis.
    extras
        What the catalog is to know beside the tasks, as plain data; see `automagic.graph.asked.save`.
    staging
        How files are brought from remote storage; by default into ``.cache`` of the analysis.
    images
        Image (SIF file) of each engine that has one, by engine; the programs of the others run on the host.
    site
        Where jobs run, or what reads that when it is asked for; by default on this machine.
    trust
        See `automagic.bookkeeping.HashCache`.
    sharing
        What the site says of its shared store and catalog; see `automagic.sharing.store.described`.
    """

    def __init__(
        self,
        root: Path,
        tasks: Mapping[str, Task],
        marssys: Mapping[str, Path],
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        extras: Mapping[str, Any] | None = None,
        staging: Settings | None = None,
        images: Mapping[str, Path] | None = None,
        site: Site | Callable[[], Site] | None = None,
        trust: str = "signature",
        sharing: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Folder(root)
        self._site = site
        self._asked = tasks if isinstance(tasks, Asked) else None
        self._staging = staging
        self.tasks = tasks
        self.marssys = dict(marssys)
        self.overrides = overrides or {}
        self.extras = dict(extras or {})
        self.hashes = HashCache(self.folder.hashes, root, trust)
        self.store = Store(self.folder, self.hashes)
        # the files of programs and images are few, and asked for each time
        self.programs_hashes = HashCache(self.folder.journal / "programs.parquet", root)
        self.images = Images(self.folder.root, dict(images or {}), self.programs_hashes.sha256)
        self.sharing = dict(sharing or {})
        self.shared = store_of(self.sharing)
        self._digests: dict[str, str] = {}
        self._environments: dict[str, str] = {}
        self._variables: dict[tuple[str, str, int], dict[str, str]] = {}
        self._programs: dict[str, Path] = {}
        self._fresh: dict[str, Standing] = {}

    @cached_property
    def site(self) -> Site:
        """Where jobs run."""
        from automagic.analysis.site import Site

        return (self._site() if callable(self._site) else self._site) or Site()

    @cached_property
    def staged(self) -> Staged:
        """What is known of files in remote storage."""
        from automagic.runner.staged import Staged

        return Staged(self.folder, self._staging or self.site.storage.staging(self.site.place(self.site.storage.cache)))

    def save_hashes(self) -> None:
        """Keep the hashes that were taken."""
        self.hashes.save()
        self.programs_hashes.save()

    # --- tasks

    def load(self, names: Iterable[str]) -> dict[str, Task]:
        """Return tasks by name; many at once are read faster than one by one."""
        if self._asked is not None:
            return self._asked.load(names)
        return {name: self.tasks[name] for name in names}

    def ask(self) -> Asked:
        """Return the tasks as they are in the graph on disk; they are written there where they are in memory alone."""
        if self._asked is None:
            save(self.folder.graph, self.tasks, {"notes": [], **self.extras})
            self._asked = Asked(self.folder.graph)
        return self._asked

    # --- engines

    def engine_digest(self, engine: str) -> str:
        """Return the digest of an engine, once a process: of its image, or of what its programs are on the host."""
        if engine not in self._digests:
            record = self.images.record(engine)
            if record is not None:
                self._digests[engine] = record.partition_sha256
            else:
                folders = [PROJECT / "automagic" / "science"] if engine == "science" else [self.programs(engine)]
                self._digests[engine] = engine_digest(folders, self.programs_hashes.sha256, python=engine != "mars")
        return self._digests[engine]

    def environment(self, engine: str) -> str:
        """Say in which environment an engine's programs run, with its digest."""
        if engine not in self._environments:
            where = "host environment" if self.images.path(engine) is None else "image"
            self._environments[engine] = f"{where} sha256:{self.engine_digest(engine)}"
        return self._environments[engine]

    def programs(self, engine: str) -> Path:
        """Return the folder of an engine's programs.

        Raises
        ------
        UserError
            It is not there.
        """
        if engine in self._programs:
            return self._programs[engine]
        folder = self.marssys.get(engine, PROJECT / "openmars" if engine == "openmars" else None)
        if folder is None or not folder.is_dir():
            raise UserError(
                f"the programs of engine {engine!r} are not there: {folder or 'no folder is named'}",
                hint=f"Name their folder in site.toml: [engines.{engine}] marssys = '/path'.",
            )
        self._programs[engine] = folder
        return folder

    def command(self, task: Task) -> list[str]:
        """Return the program of a task and its words."""
        if task.engine == "stage":
            return ["stage", *(source.url for source in task.sources)]
        if self.images.path(task.engine) is not None:
            return image_command(task)
        if task.engine == "science":
            return [sys.executable, "-m", "automagic.science", task.executable, *task.arguments]
        return [str(self.programs(task.engine) / task.executable), *task.arguments]

    def variables(self, task: Task) -> dict[str, str]:
        """Return the environment of a task's program: closed, and the same everywhere."""
        kind = task.engine, task.clock, task.threads
        if kind not in self._variables:
            if self.images.path(task.engine) is not None:
                self._variables[kind] = image_variables(task)
            else:
                marssys = None if task.engine == "science" else self.programs(task.engine)
                self._variables[kind] = host_variables(task, marssys)
        return self._variables[kind]

    # --- what is up to date

    def standing(self, name: str) -> Standing:
        """Tell how a task stands now. What was found up to date is not looked at again in this process."""
        if name in self._fresh:
            return self._fresh[name]
        task = self.tasks[name]
        if task.problem is not None:
            return Standing(problem=task.problem)
        if task.engine == "stage":
            return self._standing_staged(task)
        for upstream in task.upstream:
            before = self.standing(upstream)
            if before.problem is not None or not before.fresh:
                return Standing(reason=f"it waits for {upstream}", waits=upstream)
        try:
            files = self.files(task)
        except UserError as error:
            return Standing(problem=error.message)
        identity = self._action(task, files)
        receipt, reason = self.store.intact(identity, task.outputs)
        if receipt is None:
            return Standing(identity, None, reason, files=files)
        self._fresh[name] = standing = Standing(identity, slim(receipt))
        return standing

    def _standing_staged(self, task: Task) -> Standing:
        """Tell how a staging task stands: it is done when the hashes of its files are known, here or not."""
        from automagic.runner.staged import stage_action

        files = self.staged.known(task)
        if files is None:
            return Standing(stage_action(task), None, "its files were never here as storage has them now")
        standing = Standing(stage_action(task), self.staged.receipt(task, files))
        self._fresh[task.name] = standing
        return standing

    def know(self, name: str, standing: Standing) -> None:
        """Take note that a task is up to date, as the plan has found."""
        self._fresh.setdefault(name, standing)

    def forget(self, name: str) -> None:
        """Look at a task anew."""
        self._fresh.pop(name, None)

    def forget_all(self) -> None:
        """Look at all tasks anew."""
        self._fresh.clear()

    def _action(self, task: Task, files: list[File]) -> str:
        hashed = [(file.input.role, file.input.name, file.sha256) for file in files]
        return action(task, self.engine_digest(task.engine), hashed)

    def facts(self, task: Task) -> dict[str, Any]:
        """Return what the journal and a job's receipt keep of what a task brings into its action."""
        form = card_form(task.card)
        told = {"recipe": recipe(task), "engine_digest": self.engine_digest(task.engine)}
        return told if form is None else {**told, "form": form}

    def settle(self, name: str, identity: str, receipt: Receipt) -> None:
        """Take note that a task is done."""
        self._fresh[name] = Standing(identity, slim(receipt))

    def files(self, task: Task) -> list[File]:
        """Return the input files of a task whose upstream tasks are all done.

        An optional output that the task before did not make is left out.

        Raises
        ------
        UserError
            A file in storage is missing or cannot be read.
        """
        found = []
        for each in task.inputs:
            if each.task is not None:
                file = self._product(task, each)
                if file is not None:
                    found.append(file)
                continue
            path = each.path or ""
            try:
                found.append(File(each, path, self.hashes.sha256(path)))
            except OSError as error:
                raise UserError(f"{path} cannot be read: {error.strerror}") from None
        return found

    def _product(self, task: Task, each: Input) -> File | None:
        assert each.task is not None
        before = self.tasks[each.task]
        if before.engine == "stage":
            staged = self.staged.file(before, each.name)
            if staged is None:
                raise UserError(f"{task.name} reads {each.name}, which {each.task} does not bring")
            return File(each, str(staged[0]), staged[1].sha256, staged[1].url)
        standing = self._fresh[each.task]
        assert standing.action is not None
        assert standing.receipt is not None
        products = {product["name"]: product for product in standing.receipt["outputs"]}
        names = (each.name, f"{each.role}/{each.name}")
        for name in names:
            if name in products:
                path = f"{self.folder.action_path(standing.action)}/{name}"
                return File(each, path, products[name]["sha256"])
        promised = [o for o in self.tasks[each.task].outputs if o.name in (each.name, f"{each.role}/{each.name}")]
        if promised and promised[0].optional:
            return None
        raise UserError(f"{task.name} reads {each.name}, which {each.task} does not make")

    def overridden(self, task: Task) -> list[str]:
        """List the keys of a task's card that the person set, without a variant like ``M1.`` before them."""
        if not task.card or not self.overrides.get(task.program):
            return []
        card = read_text(task.card)
        keys = []
        for key in self.overrides.get(task.program, {}):
            keys += [form for form in (key, key.partition(".")[2]) if form in card][:1]
        return sorted(set(keys))
