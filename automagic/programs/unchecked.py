"""``[unchecked.PROGRAM]``: keys that autoMAGIC does not know go into the card as a person wrote them.

A program may read keys that are in no default card. Nobody here can tell whether it reads one; so they stand in a table
of their own, and plan and report say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from automagic import cards
from automagic.errors import UserError
from automagic.programs.base import Setup, Wrapper

WORDS = "not known to autoMAGIC, passed on as it is"


def notes(unchecked: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Return a sentence for each such key.

    >>> notes({"star": {"MJStar.New": 1}})
    ['star: the key MJStar.New is not known to autoMAGIC, passed on as it is']
    """
    return [f"{program}: the key {key} is {WORDS}" for program, table in unchecked.items() for key in table]


def check_unchecked(setup: Setup, programs: Mapping[str, Wrapper], where: str) -> None:
    """Refuse what cannot be passed on, and keys that are known: their place is ``[cards.…]``, where they are checked.

    Raises
    ------
    UserError
        With a sentence for each.
    """
    sentences = list(_sentences(replace(setup, overrides=setup.unchecked), programs))
    if sentences:
        raise UserError("\n".join(f"{where}: {sentence}" for sentence in dict.fromkeys(sentences)))


def _sentences(setup: Setup, programs: Mapping[str, Wrapper]) -> Iterator[str]:
    for program in setup.overrides:
        wrapper = programs.get(program)
        if wrapper is None or not wrapper.default_cards:
            near = cards.closest(program, programs)
            meant = f"; did you mean [unchecked.{near}]?" if near and near != program else ""
            yield f"[unchecked.{program}]: there is no program with a card of that name{meant}"
            continue
        for variant in wrapper.default_cards:
            known = {*wrapper.default(setup, variant), *wrapper.extra_keys, *wrapper.set_here}
            for key, value in setup.written(wrapper, variant).items():
                if key in known:
                    yield f"[unchecked.{program}]: the key {key!r} is known; write it under [cards.{program}]"
                    continue
                try:
                    cards.render({key: cards.value(key, value)})
                except ValueError as error:
                    yield f"[unchecked.{program}]: {error}"
