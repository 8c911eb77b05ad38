"""Keys that nobody here knows go into the card, are marked, and known keys may not slip past the checks that way."""

import json

import pytest

from automagic.analysis import load
from automagic.bookkeeping import catalog
from automagic.errors import UserError
from automagic.graph import expand
from automagic.plan import make_plan, text
from automagic.report.content import collect
from automagic.report.unchecked import READ, UNKNOWN, UNREAD, remarks, unchecked
from automagic.runner.current import open_session
from tests.bookkeeping.small import Small, task
from tests.commands.test_select_command import ANALYSIS, SITE


def write(folder, more):
    (folder / "analysis.toml").write_text(ANALYSIS + more)
    (folder / "site.toml").write_text(SITE)
    return folder


def test_the_key_is_in_the_card_and_the_plan_marks_it(tmp_path):
    write(tmp_path, '[unchecked.star]\n"MJStar.New" = 1\nM1.Other.Key = "x"\n')
    tasks = expand(load(tmp_path)).tasks
    first, second = (
        next(t for n, t in tasks.items() if n.startswith("star:0") and n.endswith(end)) for end in ("M1", "M2")
    )
    assert "MJStar.New: 1\n" in first.card
    assert "Other.Key: x\n" in first.card
    assert "Other.Key" not in second.card
    plan = make_plan(open_session(tmp_path))
    said = list(text.lines(plan, "x"))
    plan.close()
    assert "star: the key MJStar.New is not known to autoMAGIC, passed on as it is" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[unchecked.star]\n"MJStar.MImgCleanStd.CleanLevel1" = 7\n', r"is known; write it under \[cards.star\]"),
        ("[unchecked.strr]\nA = 7\n", r"did you mean \[unchecked.star\]"),
        ('[unchecked.star]\n"A B" = 7\n', "cannot be a key"),
        ('[unchecked.star]\nA = "$(HOME)"\n', "variable of the machine"),
        ("[unchecked.star]\nA = [1]\n", r"\[unchecked.star\] A must be text"),
        ("[unchecked]\nA = 1\n", r"like \[unchecked.star\]"),
    ],
)
def test_what_cannot_be_passed_on_is_refused(tmp_path, more, said):
    with pytest.raises(UserError, match=said):
        expand(load(write(tmp_path, more)))


@pytest.mark.parametrize(
    ("engine", "log", "how"),
    [
        ("openmars", "Resource untouched: MJStar.New: 1\n", UNREAD),
        ("openmars", "warning Resource untouched: MJStar.Newer: 1\n", READ),
        ("mars", "Resource untouched: MJStar.New: 1\n", UNKNOWN),
        ("openmars", None, UNKNOWN),
    ],
)
def test_the_log_tells_whether_it_was_read(tmp_path, engine, log, how):
    (tmp_path / "raw").touch()
    small = Small(tmp_path / "a", [task("star:1", str(tmp_path / "raw"), engine=engine)],
                  unchecked=json.dumps({"star": {"MJStar.New": 1}}))  # fmt: skip
    small.digests["openmars"] = "digest of openmars"
    if log is not None:
        small.write(small.start(), small.done("star:1"))
        (small.folder.action(small.action("star:1")) / "log.txt").write_text(log)
    else:
        small.write(small.start())
    with catalog.connect(small.folder) as connection:
        ((row),) = unchecked(small.folder, connection)
    assert row == {"program": "star", "key": "MJStar.New", "value": 1, "read": how}
    assert len(remarks(small.folder)) == (how == UNREAD)
    assert [each["read"] for each in collect(small.folder)["unchecked"]] == [how]


def test_a_key_that_is_not_read_does_not_fail_its_job(tmp_path):
    """A job fails where a key under [cards.…] was not read; these keys are not among those that it is told of."""
    session = open_session(
        write(tmp_path, '[cards.star]\n"MJStar.UseAddNoise" = true\n[unchecked.star]\n"MJStar.New" = 1\n')
    )
    task = next(task for name, task in session.tasks.items() if name.startswith("star:0"))
    assert session.overridden(task) == ["MJStar.UseAddNoise"]
