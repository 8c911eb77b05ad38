"""Writes a comparison into files: a plot, a page, a table."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

from automagic.compare import plot
from automagic.compare.show import TOOK, cells, parts
from automagic.compare.table import Comparison, ecsv
from automagic.errors import UserError

TEMPLATE = Path(__file__).with_name("compare.html.j2")


def write_plot(found: Comparison, path: Path) -> None:
    """Write the plot of all analyses as a PNG.

    Raises
    ------
    UserError
        It cannot be written.
    """
    if path.suffix != ".png":
        raise UserError(f"{path}: the plot is a PNG", hint="Give a name that ends with .png.")
    _write(path, _png(plot.draw(found)))


def write_output(found: Comparison, path: Path, whole: bool = False) -> None:
    """Write a page (``.html``) or a table (``.ecsv``).

    Raises
    ------
    UserError
        It is neither, or cannot be written.
    """
    if path.suffix == ".ecsv":
        text = io.StringIO()
        ecsv(found).write(text, format="ascii.ecsv")
        _write(path, text.getvalue().encode())
    elif path.suffix == ".html":
        _write(path, page(found, whole).encode())
    else:
        raise UserError(f"{path}: what shall that be?", hint="Give a name that ends with .html or .ecsv.")


def page(found: Comparison, whole: bool = False) -> str:
    """Return one self-contained page. All that comes from files is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pictures = [plot.draw(found), *([plot.draw_scan(found)] if found.scan else [])]
    tables = [
        {
            "title": title,
            "differences": title != TOOK,
            "rows": [(row.label, cells(row, title != TOOK)) for row in rows],
        }
        for title, rows in parts(found, whole)
    ]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        labels=found.labels,
        settings=found.settings,
        scan=found.scan,
        notes=found.notes,
        simulated=any(side.simulated for side in found.sides),
        tables=tables,
        pictures=[base64.b64encode(_png(each)).decode() for each in pictures],
    )


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=115, metadata={"Software": None})
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_bytes(content)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
