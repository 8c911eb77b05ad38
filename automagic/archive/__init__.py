"""Archives: an analysis put away as one bag, verified, and run again with the same bytes."""

from __future__ import annotations
