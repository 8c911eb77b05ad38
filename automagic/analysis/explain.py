"""What is wrong with a TOML file, in a person's words: file, key, what was found, what is allowed."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from automagic.cards import closest
from automagic.errors import UserError
from automagic.staging.urls import redact


def explain(error: ValidationError, model: type[BaseModel], file: str) -> UserError:
    """Turn pydantic's error into one for the person who wrote the file.

    Parameters
    ----------
    error
        What pydantic found; all of it is told.
    model
        The model of the whole file.
    file
        Its name.
    """
    sentences = list(dict.fromkeys(_sentence(each, model) for each in error.errors()))
    if len(sentences) == 1:
        return UserError(f"{file}: {sentences[0]}")
    return UserError("\n  ".join([f"{file}:", *sentences]))


def _sentence(each: Any, model: type[BaseModel]) -> str:
    path = [p for p in each["loc"] if isinstance(p, int) or not p.startswith(("function-", "tuple["))]
    key, found, kind = dotted(path), each["input"], each["type"]
    if kind == "extra_forbidden":
        known = keys_at(model, path[:-1])
        there = f"[{dotted(path[:-1])}]" if path[:-1] else "the file"
        return f"unknown key '{key}'{_meant(str(path[-1]), known)} {there} can have: {', '.join(known)}"
    if kind == "missing":
        return f"the key '{key}' is missing"
    if kind == "literal_error":
        allowed = [word.strip(" '") for word in each["ctx"]["expected"].replace(" or ", ",").split(",")]
        words = ", ".join(repr(word) for word in allowed)
        return f"{key}: found {_short(found)}{_meant(str(found), allowed)} allowed: {words}"
    message = each["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
    message = message[0].lower() + message[1:]
    if not key:  # it is about the file as a whole
        return message
    return f"{key}: {message}" if isinstance(found, dict) else f"{key}: found {_short(found)}; {message}"


def _meant(word: str, known: list[str]) -> str:
    near = closest(word, known)
    return f"; did you mean '{near}'?" if near else ";"


def _short(found: Any) -> str:
    text = redact(repr(found))
    return text if len(text) <= 80 else f"{text[:77]}…"


def dotted(path: list[Any] | tuple[Any, ...]) -> str:
    """Write a path into a TOML file, e.g. ``simulate.runs[2].start`` (counted from 1).

    Examples
    --------
    >>> dotted(["simulate", "runs", 1, "start"])
    'simulate.runs[2].start'
    """
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def keys_at(model: type[BaseModel], path: list[Any]) -> list[str]:
    """Return the keys that a table may have."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel) and isinstance(part, str):
            named = {field.alias or name: field.annotation for name, field in here.model_fields.items()}
            here = _model_in(named.get(part))
    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return []
    return [field.alias or name for name, field in here.model_fields.items() if not field.exclude]


def _model_in(annotation: Any) -> Any:
    """Return the model inside ``Optional[…]``, ``list[…]`` or ``dict[…]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
