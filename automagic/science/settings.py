"""What the card of a science step asks for, read and checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from automagic import cards
from automagic.errors import UserError
from automagic.science import CARDS

MODELS = ("power-law", "log-parabola")


class Settings:
    """The card of a step over its default card. Each look-up is checked and remembered.

    Parameters
    ----------
    step
        Name of the step; its default card is ``cards/<step>.rc``.
    card
        What stands over the defaults.
    name
        What to call the card in an error.

    Raises
    ------
    UserError
        At a look-up whose value is missing, of the wrong kind or out of range.

    Examples
    --------
    >>> Settings("theta2", {"Theta2.Cut": "0.02"}).number("Theta2.Cut", above=0)
    0.02
    """

    def __init__(self, step: str, card: dict[str, str], *, name: str = "card") -> None:
        self.step = step
        self.name = name
        self._values = cards.merge(cards.read(CARDS / f"{step}.rc"), card)
        self._touched: set[str] = set()

    @classmethod
    def read(cls, step: str, path: Path | None) -> Settings:
        """Read the card at `path`, or take the default card where there is none."""
        return cls(step, cards.read(path) if path else {}, name=path.name if path else f"{step}.rc")

    def text(self, key: str, allowed: Sequence[str] = ()) -> str:
        """Return a word; one of `allowed`, if given."""
        self._touched.add(key)
        text = self._values.get(key, "")
        if text == "":
            raise UserError(f"{self.name}: {key} has no value", hint=f"Give it in the card of {self.step}.")
        if allowed and text not in allowed:
            near = cards.closest(text, allowed)
            hint = f"Did you mean {near}?" if near else None
            raise UserError(f"{self.name}: {key} is {text!r}, allowed are {', '.join(allowed)}", hint=hint)
        return text

    def number(
        self, key: str, *, above: float = -math.inf, minimum: float = -math.inf, maximum: float = math.inf
    ) -> float:
        """Return a number that is larger than `above` and from `minimum` to `maximum`."""
        text = self.text(key)
        try:
            number = float(text)
        except ValueError:
            raise UserError(f"{self.name}: {key} is {text!r}, not a number") from None
        if not (math.isfinite(number) and number > above and minimum <= number <= maximum):
            limits = [f"above {above:g}"] if above > -math.inf else []
            limits += [f"at least {minimum:g}"] if minimum > -math.inf else []
            limits += [f"at most {maximum:g}"] if maximum < math.inf else []
            raise UserError(f"{self.name}: {key} is {text}, it must be {' and '.join(limits) or 'finite'}")
        return number

    def integer(self, key: str, *, minimum: int, maximum: int) -> int:
        """Return a whole number from `minimum` to `maximum`."""
        number = self.number(key, minimum=minimum, maximum=maximum)
        if number != int(number):
            raise UserError(f"{self.name}: {key} is {number:g}, it must be a whole number")
        return int(number)

    def interval(self, low: str, high: str) -> tuple[float, float]:
        """Return the numbers of two keys, the second larger than the first, both above zero."""
        first, second = self.number(low, above=0), self.number(high, above=0)
        if second <= first:
            raise UserError(f"{self.name}: {high} ({second:g}) must be larger than {low} ({first:g})")
        return first, second

    def position(self) -> tuple[float, float]:
        """Return right ascension and declination of the source in deg."""
        ra = self.number("Source.RA", minimum=0, maximum=360)
        return ra, self.number("Source.Dec", minimum=-90, maximum=90)

    def several(self, prefix: str) -> list[str]:
        """Return the values of all keys that begin with a prefix, in the order of the keys."""
        keys = sorted(key for key in self._values if key.startswith(prefix))
        return [self.text(key) for key in keys]

    def untouched(self) -> dict[str, str]:
        """Return what nobody looked up."""
        return {key: text for key, text in sorted(self._values.items()) if key not in self._touched}
