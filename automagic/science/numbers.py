"""The numbers of a step as JSON: the catalog takes its table of results from them, and so does the report."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


def result(key: str, value: Any, error: Any = None, unit: str = "") -> dict[str, Any]:
    """Return one result: a number with its error and unit, or a word.

    Parameters
    ----------
    key
        ``<step>.<name>``.
    value
        A number, or text. What is not finite becomes `None`: JSON has no word for it.
    error
        Standard deviation in the same unit, or `None`.
    unit
        As astropy writes it, empty for none.

    Examples
    --------
    >>> result("spectrum.alpha", 2.5, 0.1)
    {'key': 'spectrum.alpha', 'value': 2.5, 'error': 0.1, 'unit': ''}
    """
    if not isinstance(value, str):
        value = _plain(value)
    return {"key": key, "value": value, "error": _plain(error), "unit": unit}


def _plain(value: Any) -> float | int | None:
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if isinstance(value, int) else number


def write(path: Path, results: list[dict[str, Any]], **more: Any) -> None:
    """Write results, and what else there is to say, with sorted keys."""
    text = json.dumps({"results": results, **more}, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
