"""``automagic verify``: is an archive whole?"""

from __future__ import annotations

from pathlib import Path

import click

from automagic.cli import user_errors


@click.command()
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@user_errors
def verify(archive: Path, as_json: bool) -> None:
    """Check ARCHIVE: every file by its checksum, receipts, cards, where each product comes from, the crate, the images.

    Nothing is unpacked and nothing runs. The exit code is 1 where something is wrong; 2 where it is no archive, or one
    with something in it that must not be there.
    """
    import json
    import sys
    import time

    from automagic.archive.reader import Archive
    from automagic.archive.verify import verify as look
    from automagic.plan.look import human

    began = time.monotonic()
    with Archive(archive) as opened:
        found = look(opened)
    took = time.monotonic() - began
    if as_json:
        told = {"archive": opened.name, "manifest_sha256": found.identity, "files": found.files,
                "bytes": found.read_bytes, "steps": len(found.steps), "problems": found.problems}  # fmt: skip
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        read = f"{found.files} files, {human(found.read_bytes)}, {len(found.steps)} steps, in {took:.1f} s"
        click.echo(f"{opened.name}: {read}")
        for problem in found.problems[:50]:
            click.echo(f"  {problem}")
        if len(found.problems) > 50:
            click.echo(f"  and {len(found.problems) - 50} more")
        verdict = f"{len(found.problems)} things are wrong" if found.problems else "whole, and of one piece"
        click.echo(f"{verdict}; sha256 of its manifest {found.identity}")
    sys.exit(1 if found.problems else 0)
