"""``automagic archive``: puts an analysis away."""

from __future__ import annotations

from pathlib import Path

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A new FILE.tar, or a new folder.")
@click.option(
    "--products",
    default="dl3",
    show_default=True,
    metavar="all|dl3|none",
    help="Which products to keep: all; DL3 and results; results alone. All can be compared after a rerun.",
)
@click.option("--with-image", is_flag=True, help="Keep the images as well, not their digests and definitions alone.")
@user_errors
def archive(analysis: str, output: Path, products: str, with_image: bool) -> None:
    """Put ANALYSIS away as one BagIt bag: cards, receipts, results, images, and what runs it again.

    It is complete or it is refused: every task is up to date, every file that goes into it is what the records say. The
    same state of an analysis gives the same bytes.
    """
    from automagic.archive.bag import archive as write
    from automagic.plan.look import human
    from automagic.runner.find import find_analysis

    found = write(find_analysis(analysis), output, products, with_image)
    size = output.stat().st_size if output.is_file() else sum(p.stat().st_size for p in output.rglob("*"))
    click.echo(f"{found.folder.name}: {len(found.steps)} steps, {len(found.inputs)} files in storage read; "
               f"{output} ({human(size)})")  # fmt: skip
    for record in found.images:
        kept = "is in it" if with_image else "is not in it, keep its file as well"
        click.echo(f"image {record.name} {kept}: sha256 {record.file_sha256}")
    for environment in found.host_environments:
        click.echo(f"warning: programs ran in a {environment}: no image was used, so this cannot be run again bit for "
                   "bit from the archive alone", err=True)  # fmt: skip
    click.echo(f"automagic verify {output}   checks it;  automagic rerun {output} --into DIR   runs it again")
