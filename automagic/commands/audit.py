"""``automagic audit``: reads the files of an analysis from end to end."""

from __future__ import annotations

from pathlib import Path

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@click.option("--sample", metavar="SHARE", help="Read only so many of the files, chosen by chance: 5% or 0.05.")
@click.option("--seed", type=int, help="Of the choice; a new one each time by default.")
@click.option("--reexecute", metavar="SHARE", help="Run so many of the tasks again, chosen by chance, and compare: 3%.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@user_errors
def audit(analysis: str, sample: str | None, seed: int | None, reexecute: str | None, as_json: bool) -> None:
    """Read the products of ANALYSIS and the files that they were made from; compare each with its recorded hash.

    Otherwise a file is read again only where its size, times or inode have changed. The exit code is 1 where a file is
    not what the records say: automagic plan then tells what hangs on it, and ./doit makes it anew.

    With --reexecute tasks are run again instead, each on the inputs that it had. The store stays as it is; what comes
    out otherwise is kept in the catalog's table nondeterminism.
    """
    import json
    import random
    import sys
    import time

    from automagic.bookkeeping import Folder, HashCache
    from automagic.plan.audit import Audit
    from automagic.plan.audit import audit as read
    from automagic.plan.look import human
    from automagic.runner.find import find_analysis

    folder = Folder(find_analysis(analysis))
    share = share_of(sample)
    chosen = random.SystemRandom().randrange(10**6) if seed is None else seed
    if reexecute is not None:
        run_again(folder.root, reexecute, chosen, as_json)
        return
    hashes = HashCache(folder.hashes, folder.root)
    began = time.monotonic()
    last = began

    def tell(so_far: Audit) -> None:
        nonlocal last
        if time.monotonic() - last > 10:
            last = time.monotonic()
            print(f"{so_far.files} files, {human(so_far.read_bytes)} read …", file=sys.stderr, flush=True)

    found = read(folder, hashes, share, chosen, tell)
    hashes.save()
    if as_json:
        click.echo(json.dumps({**found.__dict__, "share": share, "seed": chosen}, ensure_ascii=False, indent=1))
    else:
        some = "" if share == 1.0 else f" (a sample, --seed {chosen})"
        took = time.monotonic() - began
        read_all = f"{found.files} of {found.of} files read"
        click.echo(f"{folder.name}: {read_all}, {human(found.read_bytes)} in {took:.1f} s{some}")
        for each in found.wrong:
            click.echo(f"  {each['kind']} {each['path']} {each['reason']} ({each['task']})")
        wrong = len(found.wrong)
        click.echo(f"{wrong} are not what the records say" if wrong else "all are what the records say")
        for task in dict.fromkeys(each["task"] for each in found.wrong if each["kind"] == "receipt"):
            click.echo(f"./doit -a analysis={analysis} {task}   makes {task} again, with its receipt")
    sys.exit(1 if found.wrong else 0)


def run_again(root: Path, share: str, seed: int, as_json: bool) -> None:
    """Run a sample of the tasks again and tell what differs."""
    import json
    import sys

    from automagic.archive.reexecute import reexecute
    from automagic.commands.rerun import show

    found = reexecute(root, share_of(share, "--reexecute"), seed, lambda rows: None if as_json else show(rows))
    if as_json:
        told = {"tasks": found.tasks, "of": found.of, "seed": seed, "products": found.rows}
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        click.echo(f"{root.name}: {found.tasks} of {found.of} tasks run again (--seed {seed})")
        wrong = len(found.wrong)
        same = f"all {len(found.rows)} products came out identical"
        click.echo(f"{wrong} of {len(found.rows)} products came out otherwise" if wrong else same)
    sys.exit(1 if found.wrong else 0)


def share_of(text: str | None, option: str = "--sample") -> float:
    """Read a share: ``"5%"`` or ``"0.05"``.

    >>> share_of("5%"), share_of("0.5"), share_of(None)
    (0.05, 0.5, 1.0)
    """
    from automagic.errors import UserError

    if text is None:
        return 1.0
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise UserError(f"{option} {text}: expected a share such as 5% or 0.05")
    return value
