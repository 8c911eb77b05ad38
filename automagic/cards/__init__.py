"""Cards: the ``.rc`` files of the programs, in ROOT's TEnv syntax. Read, merged, checked and written.

A card is a plain ``dict[str, str]``. `render` gives it one form only, so that two cards that say the same are
the same bytes, whatever comments, order or spacing they were read with.
"""

from automagic.cards.card import check, closest, merge, read, read_text, render, value

__all__ = ["check", "closest", "merge", "read", "read_text", "render", "value"]
