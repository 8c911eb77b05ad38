"""What the report has of a pulsar."""

from __future__ import annotations

from collections.abc import Iterable

STEPS = ("phaseogram", "pulsar_spectrum")
PLOTS = (
    ("phaseogram", "Events of the signal region against the pulsar's phase; two turns, ranges of phase shaded."),
    ("pulsar-spectrum", "Spectral energy distribution in ranges of phase, average over a turn (bands: 68 %)."),
)
_WORDS = {
    "phaseogram": {
        "h": "H-test",
        "h_probability": "H-test, chance probability",
        "significance": "significance",
        "excess": "excess events",
    },
    "pulsar_spectrum": {"amplitude": "φ at the reference energy", "reference": "reference energy", "index": "Γ"},
}


def labels(keys: Iterable[str]) -> list[tuple[str, str]]:
    """Return key and label of the results that the report shows.

    Examples
    --------
    >>> labels(["phaseogram.h", "phaseogram.P2.significance", "phaseogram.P2.alpha"])
    [('phaseogram.h', 'H-test'), ('phaseogram.P2.significance', 'P2, significance')]
    """
    found = []
    for key in keys:
        step, *middle, last = key.split(".")
        word = _WORDS.get(step, {}).get(last)
        if word is not None:
            found.append((key, ", ".join([".".join(middle), word]) if middle else word))
    return found
