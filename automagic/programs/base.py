"""What all wrappers share: the facts about a program, and the way to a rendered card and a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from automagic import cards
from automagic.errors import UserError
from automagic.graph.task import Input, Output, Resources, Task
from automagic.kinds import Values

COMMON_EXIT_CODES = {
    2: "wrong arguments, or a general failure",
    253: "a key given with --rc= is wrong",
    254: "the card cannot be read",
    255: "the ROOT version is another than MARS was built with",
}
"""Exit codes of the public fork of MARS (star.cc: 2, 0xfd, 0xfe, 0xff); MAGIC's merpp gave 254 and 255."""

SCIENCE_EXIT_CODES = {
    1: "a file could not be read or written",
    2: "wrong arguments or card",
    3: "the data do not allow this result",
}
"""Exit codes of this package's own steps."""

COMMON_UNKNOWN = (
    "whether MAGIC's programs take --rc=Name:value, and the form in which they report untouched card keys",
)


JOB_KEYS = {"AutoMAGIC.Clock": ("fixed", "real"), "AutoMAGIC.Threads": range(1, 257)}
"""Keys that a person may write under ``[cards.…]`` for the job itself; the program never sees them. In an image the
clock stands still at 2000-01-01 unless it is ``real``; a program has one thread unless it is given more."""


@dataclass(frozen=True)
class Wrapper:
    """What is known about a program.

    Attributes
    ----------
    program, stage, summary
        Its name, the stage that its tasks are shown under, and what it does in a line.
    default_cards
        Default card's file name in ``mrcfiles/`` by variant; ``""`` where there is but one.
    set_here
        Keys that the wrapper sets, because it knows the job's folder; not for persons to change.
    extra_keys
        Keys that the program reads although they are not in its default card.
    exit_codes, tolerated
        Known exit codes and their meaning; those that do not fail the task.
    resources
        What a job needs.
    unknown
        What is not publicly known of MARS, and how it was decided here.
    engine
        ``"openmars"`` or ``"science"`` where the program exists in one engine only.
    """

    program: str
    stage: str
    summary: str
    default_cards: dict[str, str] = field(default_factory=dict)
    set_here: frozenset[str] = frozenset()
    extra_keys: frozenset[str] = frozenset()
    exit_codes: dict[int, str] = field(default_factory=dict)
    tolerated: frozenset[int] = frozenset()
    resources: Resources = field(default_factory=Resources)
    unknown: tuple[str, ...] = ()
    engine: str | None = None

    def default(self, setup: Setup, variant: str = "") -> dict[str, str]:
        """Return the default card: of the engine's image, or of its folder on the host."""
        name, engine = self.default_cards[variant], self.engine or setup.engine
        if engine in setup.cards:
            return image_card(setup.cards[engine], name, engine)
        if engine == "science":
            return default_card(Path(__file__).resolve().parents[1] / "science" / "cards" / name)
        return default_card((setup.openmars if engine == "openmars" else setup.marssys) / "mrcfiles" / name)


@dataclass(frozen=True)
class Setup:
    """Engine and overrides of an analysis: all that turns a wrapper's facts into cards and tasks.

    Attributes
    ----------
    engine, marssys
        Which programs, and their folder.
    openmars
        Folder of openmars, which has the simulator; the same as `marssys` where that is the engine.
    cards
        Default cards of the engines that have an image: text by file name, by engine.
    values
        Card values by program and key that the kind of analysis, or one level of it, has otherwise than the default.
    label
        Of a level of the analysis, such as one of moonlight; it ends the names of its tasks, and its products have a
        folder of that name. Empty where there is but one.
    unchecked
        ``[unchecked.…]`` of the analysis: keys that autoMAGIC does not know, passed on as they are
        (`automagic.programs.unchecked`).
    overrides
        ``[cards.…]`` of the analysis: by program and key, as written. A key that begins with a variant and a
        dot (``M1.`` of ``star``) is for that variant alone; one that begins with a level's label, for that level.
    levels
        The labels that keys may begin with.
    """

    engine: str
    marssys: Path
    openmars: Path
    overrides: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    cards: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    label: str = ""
    unchecked: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    levels: tuple[str, ...] = ()

    def card(self, wrapper: Wrapper, values: Mapping[str, object] | None = None, variant: str = "") -> str:
        """Render a card: the default, over it the wrapper's `values`, the kind's, and what the person wrote."""
        together = {**(values or {}), **self.values.get(wrapper.program, {})}
        given = {key: cards.value(key, value) for key, value in together.items()}
        default = wrapper.default(self, variant)
        unknown = replace(self, overrides=self.unchecked).written(wrapper, variant) if self.unchecked else {}
        own = {key: cards.value(key, value) for key, value in {**self.written(wrapper, variant), **unknown}.items()}
        return cards.render(cards.merge(default, given, own))

    def written(self, wrapper: Wrapper, variant: str) -> dict[str, object]:
        """Return a person's overrides for a variant: those for it alone win over those for all, a level's over both."""
        found: dict[int, dict[str, object]] = {0: {}, 1: {}, 2: {}, 3: {}}
        for key, value in self.overrides.get(wrapper.program, {}).items():
            if key in JOB_KEYS:
                continue
            weight = 0
            for names, this, more in ((self.levels, self.label, 2), (wrapper.default_cards, variant, 1)):
                first, _, rest = key.partition(".")
                if first and first in names:
                    if first != this:
                        break
                    key, weight = rest, weight + more
            else:
                found[weight][key] = value
        return {**found[0], **found[1], **found[2], **found[3]}

    def task(
        self,
        wrapper: Wrapper,
        what: str,
        *,
        arguments: Iterable[str],
        card: str,
        inputs: Iterable[Input],
        outputs: Iterable[Output],
        conditions: Mapping[str, Any],
        resources: Resources | None = None,
        executable: str | None = None,
        problem: str | None = None,
    ) -> Task:
        """Make a task of a wrapper's program."""
        own = self.overrides.get(wrapper.program, {})
        threads = int(str(own.get("AutoMAGIC.Threads", 1)))
        needs = resources or wrapper.resources
        return Task(
            name=f"{wrapper.stage}:{what}{self.label and '.' + self.label}",
            stage=wrapper.stage,
            program=wrapper.program,
            engine=wrapper.engine or self.engine,
            executable=executable or wrapper.program,
            arguments=tuple(arguments),
            card=card,
            inputs=tuple(inputs),
            outputs=tuple(self._placed(each) for each in outputs),
            resources=replace(needs, cores=max(needs.cores, threads)),
            clock=str(own.get("AutoMAGIC.Clock", "fixed")),
            threads=threads,
            exit_codes=dict(wrapper.exit_codes),
            tolerated=wrapper.tolerated,
            conditions={key: value for key, value in conditions.items() if value is not None},
            problem=problem,
        )

    def _placed(self, output: Output) -> Output:
        """Return an output with its link in the folder of the label."""
        if not self.label or not output.link:
            return output
        folder, _, name = output.link.rpartition("/")
        return replace(output, link=f"{folder}/{self.label}/{name}")


@cache
def default_card(path: Path) -> dict[str, str]:
    """Read a program's default card, once a process."""
    if not path.is_file():
        raise UserError(
            f"there is no default card {path}", hint="Is the engine's marssys in site.toml the right folder?"
        )
    return cards.read(path)


def image_card(found: Mapping[str, str], name: str, engine: str) -> dict[str, str]:
    """Return a default card of an image."""
    if name not in found:
        raise UserError(
            f"the image of engine '{engine}' has no default card {name}; it has {', '.join(sorted(found)) or 'none'}",
            hint="Is it the image of that engine? automagic image list shows what each has.",
        )
    return cards.read_text(found[name])


def check_overrides(setup: Setup, programs: Mapping[str, Wrapper], where: str) -> None:
    """Refuse overrides that no program would read, or that it could not.

    Raises
    ------
    UserError
        With a sentence for each, and the closest right key.
    """
    sentences = []
    for program in setup.overrides:
        wrapper = programs.get(program)
        if wrapper is None:
            near = cards.closest(program, programs)
            there = f"did you mean [cards.{near}]?" if near else f"there are {', '.join(programs)}"
            sentences.append(f"[cards.{program}]: no such program; {there}")
            continue
        for key, allowed in JOB_KEYS.items():
            given = setup.overrides[program].get(key, allowed[0])
            if given not in allowed:
                words = "'fixed' or 'real'" if key.endswith("Clock") else "a number from 1 to 256"
                sentences.append(f"[cards.{program}]: {key}: found {given!r}; it must be {words}")
        if not wrapper.default_cards:
            sentences.append(f"[cards.{program}]: this program takes no card")
        for variant, label in product(wrapper.default_cards, ("", *setup.levels)):
            written = replace(setup, label=label).written(wrapper, variant)
            known = wrapper.default(setup, variant)
            problems = cards.check(written, {*known, *wrapper.extra_keys, *wrapper.set_here})
            problems += [
                f"the key {key!r} is set by autoMAGIC itself" for key in sorted(wrapper.set_here & set(written))
            ]
            for key, value in written.items():
                try:
                    cards.value(key, value)
                except ValueError as error:
                    problems.append(str(error))
            sentences += [f"[cards.{program}]: {problem}" for problem in problems]
    if sentences:
        raise UserError("\n".join(f"{where}: {sentence}" for sentence in dict.fromkeys(sentences)))
