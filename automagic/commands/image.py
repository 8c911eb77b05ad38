"""``automagic image``: Apptainer images, built, listed, verified, signed and pinned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from automagic.cli import user_errors
from automagic.errors import UserError

if TYPE_CHECKING:
    from automagic.images import Record

_FILE = click.Path(path_type=Path)
_ENGINE = click.Choice(["openmars", "science", "mars"])


@click.group()
def image() -> None:
    """Build images that programs run in, check them, and pin an analysis to them. FILE is a SIF file."""


@image.command()
@click.argument("name", type=_ENGINE)
@click.option("--output", type=_FILE, help="The SIF file; containers/NAME.sif by default.")
@click.option("--base", help="A folder with a Debian in it, or an image of a registry, by digest.")
@click.option("--mars", type=_FILE, help="Tarball of a MARS release, for the image mars.")
@click.option("--root", type=_FILE, help="Tarball of ROOT, for the image mars.")
@click.option("--arg", "more", multiple=True, metavar="KEY=VALUE", help="A build argument of the definition.")
@user_errors
def build(
    name: str, output: Path | None, base: str | None, mars: Path | None, root: Path | None, more: tuple[str, ...]
) -> None:
    """Build the image NAME from containers/NAME.def, and its record."""
    from automagic.images.build import build as build_image
    from automagic.images.build import file_argument

    if (mars is not None) != (name == "mars") or (root is not None and name != "mars"):
        raise UserError("--mars goes with the image mars, which needs it; --root is for it alone")
    arguments = {}
    for word in more:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"--arg {word}: give KEY=VALUE")
        arguments[key] = value
    for key, path in (("MARS", mars), ("ROOT", root)):
        if path is not None:
            arguments[key] = str(file_argument(path))
    record = build_image(name, output, base=base, arguments=arguments, say=click.echo)
    click.echo("\n".join(lines(record)))


@image.command("list")
@click.argument("folders", nargs=-1, type=_FILE)
@user_errors
def list_(folders: tuple[Path, ...]) -> None:
    """List the images in FOLDERS, or in containers/, and whether each is what its record says."""
    from automagic.cli import _show
    from automagic.images import find, read
    from automagic.images.build import CONTAINERS, recorded
    from automagic.job.spec import sha256_file

    rows: list[tuple[str | None, ...]] = []
    for path in recorded(list(folders) or [CONTAINERS]):
        try:
            record = read(path)
        except UserError as error:
            rows.append((path.stem, None, None, None, None, error.message))
            continue
        try:
            find(path, sha256_file)
            standing = "yes"
        except UserError:
            standing = "no: the file is another"
        megabytes = f"{record.size / 1e6:.0f} MB"
        origin = record.labels.get("automagic.source") or record.labels.get("automagic.base")
        rows.append((record.name, record.engine, megabytes, record.partition_sha256[:16], origin, standing))
    if not rows:
        raise UserError(
            f"no images in {', '.join(map(str, folders or [CONTAINERS]))}",
            hint="Build one: automagic image build openmars.",
        )
    _show(["name", "engine", "size", "file system", "built from", "as recorded"], rows, None)


@image.command()
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, help="Public key (PEM) of who signed; the keyring of Apptainer by default.")
@user_errors
def verify(file: Path, key: Path | None) -> None:
    """Compute the digests of FILE again and compare them with its record; check its signature if it has one."""
    from automagic.images.verify import verify as verify_image

    for line in verify_image(file, key):
        click.echo(line)


@image.command()
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, help="Private key (PEM); the keyring of Apptainer by default.")
@click.option("--keyidx", type=click.IntRange(0), help="Number of the key in the keyring.")
@user_errors
def sign(file: Path, key: Path | None, keyidx: int | None) -> None:
    """Sign FILE. The file's digest changes, in its record as well; the image stays the same one."""
    from automagic.images.verify import sign as sign_image

    click.echo("\n".join(lines(sign_image(file, key, keyidx))))


@image.command()
@click.argument("file", type=_FILE)
@click.option("--engine", type=_ENGINE, required=True, help="Whose programs are in it.")
@user_errors
def add(file: Path, engine: str) -> None:
    """Make the record of an image that was built elsewhere, or was signed or replaced on purpose."""
    from automagic.images.build import add as add_image

    click.echo("\n".join(lines(add_image(file, engine))))


@image.command()
@click.argument("analysis")
@user_errors
def pin(analysis: str) -> None:
    """Pin ANALYSIS to the images that its site.toml names now."""
    from automagic.analysis import load
    from automagic.images import find
    from automagic.images import pin as pin_images
    from automagic.job.spec import sha256_file
    from automagic.runner.find import find_analysis, label

    folder = find_analysis(analysis)
    site = load(folder).site
    named = {str(engine): site.place(each.image) for engine, each in site.engines.items() if each.image is not None}
    if not named:
        raise UserError(
            f"{label(folder)} runs its programs on the host: its site.toml names no image",
            hint="Name one: [engines.openmars] image = 'FILE.sif'.",
        )
    changed = pin_images(folder, {engine: find(path, sha256_file) for engine, path in named.items()})
    for engine in named:
        words = f"now pinned to {changed[engine].partition_sha256[:16]}…" if engine in changed else "pinned as before"
        click.echo(f"{label(folder)}: {engine} {words}")


def lines(record: Record) -> list[str]:
    """Say what an image is."""
    return [
        f"{record.path}: {record.name}, engine {record.engine}, {record.size / 1e6:.0f} MB",
        f"  file system sha256:{record.partition_sha256}",
        f"  file        sha256:{record.file_sha256}",
    ]
