"""``automagic rerun``: runs an archive again and compares what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from automagic.cli import user_errors


@click.command()
@click.argument("archive", type=click.Path(path_type=Path))
@click.option(
    "--into", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A folder for what is made."
)
@click.option(
    "--inputs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="ROOT",
    help="Where the files in storage are; may be said more than once.",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="SIF",
    help="An image that is not in the archive; may be said more than once.",
)
@click.option("--only", multiple=True, metavar="TASK", help="Only this task and all that it needs: dl3:05029747.")
@click.option(
    "--site",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder of a site.toml: where jobs run. By default on this machine, or as AUTOMAGIC_SITE says.",
)
@click.option("--cores", default=0, help="So many jobs at once on this machine; all its cores by default.")
@user_errors
def rerun(
    archive: Path, into: Path, inputs: tuple[Path, ...], images: tuple[Path, ...], only: tuple[str, ...],
    site: Path | None, cores: int,
) -> None:  # fmt: skip
    """Run every step of ARCHIVE again, from the files in storage on, and compare every product with what it was.

    A product is identical (the same bytes), identical in content (every object and value the same), or it differs. The
    exit code is 0 only where all are identical. DIR gets certificate.json and certificate.html. The same command goes
    on where it was stopped.
    """
    import sys

    from automagic.analysis import load_site
    from automagic.archive.page import write_page
    from automagic.archive.reader import Archive
    from automagic.archive.rerun import Asked, tidy
    from automagic.archive.rerun import rerun as run
    from automagic.job.again import IDENTICAL
    from automagic.job.certificate import summary

    asked = Asked(into, list(inputs), list(images), list(only), cores)
    where = load_site(site if site is not None else into)
    try:
        with Archive(archive) as opened:
            told = run(opened, asked, where, show)
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on from here", err=True)
        sys.exit(130)
    write_page(told, into / "certificate.html")
    click.echo("\n".join(summary(told)))
    click.echo(f"certificate: {into / 'certificate.json'}, {into / 'certificate.html'}")
    if told["verdict"] != IDENTICAL:
        sys.exit(1)
    tidy(into)


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print products as they are compared."""
    for row in rows:
        told = f": {row['reason']}" if row["reason"] else ""
        click.echo(f"{row['verdict']:<20} {row['task']} {row['name']}{told}")
        for line in row.get("differences", ())[:5]:
            click.echo(f"    {line}")
