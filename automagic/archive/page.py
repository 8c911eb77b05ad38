"""The certificate of a rerun as a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("certificate.html.j2")


def write_page(told: dict[str, Any], path: Path) -> None:
    """Write a certificate as one file that needs nothing else, by one rename."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    counts = [(name, number) for name, number in told["summary"].items() if number]
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        **told, counts=counts, total=sum(told["summary"].values())
    )
    new = path.with_name(f".{path.name}.new")
    new.write_text(page, encoding="utf-8")
    os.replace(new, path)
