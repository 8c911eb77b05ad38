"""Numbers as a person writes them: rounded to what their error says, with units set as in a paper."""

from __future__ import annotations

import math

_UNITS = {
    "1 / (TeV s cm2)": "TeV⁻¹ cm⁻² s⁻¹",
    "1 / (cm2 s)": "cm⁻² s⁻¹",
    "1 / min": "min⁻¹",
    "deg2": "deg²",
    "sigma": "σ",
}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, error: float | None = None, unit: str | None = None) -> str:
    """Write a number with its error and unit.

    Parameters
    ----------
    value
        `None` is written as a dash.
    error
        Standard deviation; the number is rounded to the error's second digit.
    unit
        As astropy writes it.

    Examples
    --------
    >>> number(4.2247e-11, 3.11e-12, "1 / (TeV s cm2)")
    '(4.22 ± 0.31) × 10⁻¹¹ TeV⁻¹ cm⁻² s⁻¹'
    >>> number(2.53298, 0.0903), number(1268), number(8.87769)
    ('2.533 ± 0.090', '1268', '8.88')
    >>> number(None)
    '–'
    """
    if value is None:
        return "–"
    power = math.floor(math.log10(abs(value))) if value else 0
    scale = power if not -3 <= power < 5 else 0
    mantissa, spread = value / 10.0**scale, None if error is None else error / 10.0**scale
    text = _rounded(mantissa, spread)
    if spread is not None:
        text = f"{text} ± {_rounded(spread, spread)}"
    if scale:
        text = f"({text})" if spread is not None else text
        text += f" × 10{str(scale).translate(_RAISED)}"
    named = _UNITS.get(unit or "", unit or "")
    return f"{text} {named}".rstrip()


def _rounded(value: float, error: float | None) -> str:
    if error is None or error <= 0:
        if float(value).is_integer() and abs(value) < 1e6:
            return f"{value:.0f}"
        places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    else:
        places = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{places}f}".replace("-", "−")


def seconds(value: float | None) -> str:
    """Write a length of time.

    Examples
    --------
    >>> seconds(0.52), seconds(75), seconds(4000), seconds(None)
    ('0.5 s', '1 min 15 s', '1 h 06 min', '–')
    """
    if value is None:
        return "–"
    if value < 60:
        return f"{value:.1f} s"
    if value < 3600:
        return f"{int(value // 60)} min {int(value % 60):02d} s"
    return f"{int(value // 3600)} h {int(value % 3600 // 60):02d} min"


def size(value: float | None) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> size(1234), size(34_560_000), size(None)
    ('1.2 kB', '34.6 MB', '–')
    """
    if value is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
