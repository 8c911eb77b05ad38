"""``automagic plan``: what would run, and why."""

from __future__ import annotations

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@click.argument("tasks", nargs=-1)
@click.option("--why", metavar="TASK", help="Tell all about one task: every reason, and the tasks before it.")
@click.option("--diff", "other", metavar="OTHER", help="Compare what ANALYSIS and OTHER ask for, task by task.")
@click.option("--all", "whole", is_flag=True, help="Name every task, not only the first few with the same reason.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@user_errors
def plan(analysis: str, tasks: tuple[str, ...], why: str | None, other: str | None, whole: bool, as_json: bool) -> None:
    """Tell what ./doit would run in ANALYSIS now, and why; nothing runs. TASKS: only these, with all that they need."""
    import json

    from automagic.derive.basis import basis_of
    from automagic.plan import make_plan, text
    from automagic.runner.current import open_session
    from automagic.runner.find import find_analysis, find_tasks, stages_of

    session = open_session(find_analysis(analysis))
    if other is not None:
        from automagic.plan.diff import compare

        told = compare(session, open_session(find_analysis(other)))
        click.echo(json.dumps(told, ensure_ascii=False, indent=1) if as_json else "\n".join(text.diff(told, whole)))
        return
    asked = session.ask()
    words = find_tasks([*tasks, *([why] if why else [])], asked, session.folder.root, stages_of(asked))
    names = [name for word in words for name in asked.matching(word)] if words else None
    made = make_plan(session, names)
    made.basis = basis_of(session)
    try:
        if as_json:
            click.echo(json.dumps(text.data(made, why), ensure_ascii=False, indent=1))
        else:
            click.echo("\n".join(text.why(made, words[-1]) if why else text.lines(made, analysis, whole)))
    finally:
        made.close()
        session.save_hashes()
