"""The steps of an archive, ``steps.jsonl``: what was run, each action once, each after those whose products it reads.

A line is a JSON object: ``action`` and ``tasks`` (whose action it is); what `automagic.job.spec` says of ``program
engine engine_digest recipe form environment image command card overrides resources exit_codes tolerated variables``;
``executable arguments clock threads`` (what the command was made from); ``inputs`` (role, name, sha256, size, checks,
copy; ``from`` and ``product``: which action made it, under which name; or ``url``, or nothing: a file in storage);
``outputs`` (name, level, link, checks, optional, missing_with: what the program may make) and ``made`` (name, level,
size, sha256, and ``file``: where in the archive it is, if it is there); ``started ended host`` of the job.

Nothing in it is trusted: whoever reads steps here gets sound ones, or `StepError`. Standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from automagic.job.launch import PROGRAMS
from automagic.job.spec import RESERVED, JobFailed, safe_name

FORM = 1
"""Version of what a line says. Readers of all versions stay."""

Step = dict[str, Any]

_HEX = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]")
_TEXTS = ("program", "engine", "engine_digest", "environment", "executable", "clock", "card")
_LISTS = ("tasks", "command", "arguments", "overrides", "inputs", "outputs", "made", "tolerated")
_TABLES = ("resources", "exit_codes", "variables")
_LARGEST = 1 << 62


class StepError(ValueError):
    """A line of ``steps.jsonl`` is not what it must be; the message says which, and why."""


def read_steps(lines: Iterable[str | bytes]) -> list[Step]:
    """Read and check all steps.

    Raises
    ------
    StepError
        One is not sound, or reads what no step before it makes.
    """
    steps: list[Step] = []
    made: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            step = json.loads(line)
            check_step(step, made)
        except (StepError, JobFailed) as error:
            raise StepError(f"line {number}: {error}") from None
        except (ValueError, RecursionError) as error:
            raise StepError(f"line {number} is no JSON: {error}") from None
        made[step["action"]] = {each["name"]: each["sha256"] for each in step["made"]}
        steps.append(step)
    return steps


def check_step(step: Any, made: dict[str, dict[str, str]]) -> None:
    """Check a step.

    Parameters
    ----------
    made
        Hashes of the products of the steps before it, by action and name.

    Raises
    ------
    StepError, JobFailed
        What is wrong with it.
    """
    _expect(isinstance(step, dict), "it is no object")
    _expect(step.get("form_version") == FORM, f"its form is {step.get('form_version')!r}; this version reads {FORM}")
    _expect(_hex(step.get("action")), "'action' is no SHA-256")
    _expect(step["action"] not in made, f"the action {step['action'][:16]}… is there twice")
    for keys, kind, words in (_TEXTS, str, "text"), (_LISTS, list, "list"), (_TABLES, dict, "table"):
        for key in keys:
            _expect(isinstance(step.get(key), kind), f"{key!r} is no {words}")
    for key in ("tasks", "command", "arguments", "overrides"):
        _expect(all(isinstance(word, str) and "\0" not in word for word in step[key]), f"{key!r} holds other than text")
    _expect(step["tasks"] and not any(map(_NOT_IN_NAMES.search, step["tasks"])), "'tasks' holds no sound names")
    _expect(_WORD.fullmatch(step["engine"]) and _WORD.fullmatch(step["program"]), "'engine' or 'program' is no word")
    safe_name(step["executable"])
    _check_image(step)
    _check_variables(step)
    _check_numbers(step)
    _check_inputs(step, made)
    _check_outputs(step)


def _check_image(step: Step) -> None:
    image = step.get("image")
    if image is None:
        return
    _expect(isinstance(image, dict), "'image' is no table")
    _expect(_hex(image.get("partition_sha256")) and _hex(image.get("file_sha256")), "'image' has no SHA-256")
    _expect(isinstance(image.get("name"), str) and _WORD.fullmatch(image["name"]), "'image' has no sound name")
    _expect(step["engine_digest"] == image["partition_sha256"], "'engine_digest' is not that of the image")
    program = step["command"][0] if step["command"] else ""
    inside = program.startswith(f"{PROGRAMS}/") and ".." not in program.split("/")
    _expect(inside, f"the program {program!r} is not one of the image's, below {PROGRAMS}")


def _check_variables(step: Step) -> None:
    for name, value in step["variables"].items():
        sound = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and isinstance(value, str) and "\0" not in value
        _expect(sound, f"the variable {name!r} is not sound")


def _check_numbers(step: Step) -> None:
    needs = step["resources"]
    for key in ("cores", "memory_mb", "disk_mb", "minutes"):
        value = needs.get(key)
        sound = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9
        _expect(sound, f"'resources' has no number {key!r}")
    _expect(isinstance(step.get("threads"), int) and 0 < step["threads"] < 10_000, "'threads' is no number")
    codes = all(isinstance(code, int) for code in step["tolerated"]) and all(map(_whole, step["exit_codes"]))
    _expect(codes, "'exit_codes' or 'tolerated' holds other than whole numbers")


def _check_inputs(step: Step, made: dict[str, dict[str, str]]) -> None:
    seen = set()
    for item in step["inputs"]:
        _expect(isinstance(item, dict), "an input is no table")
        for key in ("role", "name"):
            _check_name(item.get(key))
        where = (item["role"], item["name"])
        _expect(where not in seen, f"the input {'/'.join(where)} is there twice")
        seen.add(where)
        _expect(_hex(item.get("sha256")), f"the input {item['name']} has no SHA-256")
        _expect(_size(item.get("size")), f"the input {item['name']} has no size")
        _expect(isinstance(item.get("checks", {}), dict), f"the checks of {item['name']} are no table")
        if item.get("from") is not None:
            product = made.get(item["from"], {}).get(item.get("product"))
            _expect(product is not None, f"no step before it makes the input {item['name']}")
            _expect(product == item["sha256"], f"the input {item['name']} is not what the step before it has made")


def _check_outputs(step: Step) -> None:
    names = []
    for item in step["outputs"]:
        _expect(isinstance(item, dict), "an output is no table")
        _check_name(item.get("name"))
        _expect(item["name"] not in RESERVED, f"an output may not be called {item['name']}")
        _expect(isinstance(item.get("level"), str), f"the output {item['name']} has no level")
        _expect(isinstance(item.get("checks", {}), dict), f"the checks of {item['name']} are no table")
        names.append(item["name"])
    _expect(len(set(names)) == len(names), "an output is there twice")
    for item in step["made"]:
        _expect(isinstance(item, dict) and item.get("name") in names, "'made' has what is none of the outputs")
        _expect(_hex(item.get("sha256")) and _size(item.get("size")), f"the product {item['name']} has no SHA-256")
        if item.get("file") is not None:
            _check_name(item["file"])
    _expect(len({item["name"] for item in step["made"]}) == len(step["made"]), "a product is there twice")


def _check_name(name: Any) -> None:
    _expect(isinstance(name, str) and not _NOT_IN_NAMES.search(name), f"the file name {name!r} is not allowed")
    safe_name(name)


def _expect(sound: Any, words: str) -> None:
    if not sound:
        raise StepError(words)


def _hex(value: Any) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _whole(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(r"-?\d{1,6}", text) is not None


def wanted(steps: list[Step], only: Iterable[str]) -> list[Step]:
    """Return the steps of some tasks with all that they need, in order; all steps where no task is named.

    Raises
    ------
    StepError
        There is no such task.
    """
    names = list(only)
    if not names:
        return steps
    by_task = {task: step for step in steps for task in step["tasks"]}
    unknown = [name for name in names if name not in by_task]
    if unknown:
        raise StepError(f"there is no task {unknown[0]!r} in the archive")
    keep = {by_task[name]["action"] for name in names}
    for step in reversed(steps):
        if step["action"] in keep:
            keep |= set(sources(step))
    return [step for step in steps if step["action"] in keep]


def sources(step: Step) -> Iterator[str]:
    """Yield the actions whose products a step reads."""
    for item in step["inputs"]:
        if item.get("from") is not None:
            yield item["from"]
