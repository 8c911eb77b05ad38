"""``automagic diff``: says where two files or folders differ."""

from __future__ import annotations

import click

from automagic.cli import user_errors
from automagic.diff import CONTENT, DIFFERS, IDENTICAL, Report

WORDS = {DIFFERS: "differ", CONTENT: "are identical in content", IDENTICAL: "are identical"}


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Tell so many differences.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@user_errors
def diff(a: str, b: str, limit: int, as_json: bool) -> None:
    """Say where the files or folders A and B differ: object, tree, branch, entry and value.

    ROOT, FITS, Parquet, ECSV, PNG and texts are compared by what is in them, all others byte by byte. "Identical in
    content" are files that hold the same objects and values in other bytes: written at another time, or compressed
    otherwise.

    The exit code is 0 where they are identical or identical in content, 1 where they differ, 2 where one is not there
    or is damaged.
    """
    import json
    import sys
    from pathlib import Path

    from automagic.diff import compare

    report = compare(Path(a), Path(b), limit)
    if as_json:
        click.echo(json.dumps(report.data(), ensure_ascii=False, indent=1))
    elif report.verdict == DIFFERS:
        click.echo(f"{a} (A) and {b} (B) differ ({report.kind}{_counted(report)}):")
        for line in report.lines:
            click.echo(f"  {line}")
    elif report.verdict == CONTENT:
        click.echo(f"{a} and {b} are identical in content: {'; '.join(report.lines)}")
    else:
        click.echo(f"{a} and {b} are identical")
    sys.exit(2 if report.damaged else 1 if report.verdict == DIFFERS else 0)


def _counted(report: Report) -> str:
    """Say of two folders how many of their files differ."""
    verdicts = [each.verdict for each in report.files.values()]
    counts = [f"{verdicts.count(verdict)} {word}" for verdict, word in WORDS.items() if verdict in verdicts]
    return f"; of {len(verdicts)} files in both {', '.join(counts)}" if counts else ""
