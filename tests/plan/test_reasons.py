"""The plan in words: for each thing that may have changed the first reason, from what to what."""

import json
import os
import shutil

import pytest

from automagic.plan import make_plan, text
from automagic.plan.diff import compare
from automagic.plan.reasons import Reasons
from tests.plan import edits
from tests.plan.world import Make, Read, Spec, World


def product(world, name, output):
    """Return where a product is."""
    return world.folder.action(edits.journal(world)[name][0]) / output


# --- one change at a time: what happens, to which task, how it is told


def card(world):
    world.specs["star:1"].card["A"] = 7


def key_more(world):
    world.specs["star:1"].card["C.D"] = 2


def key_fewer(world):
    del world.specs["star:1"].card["B"]


def no_card(world):
    world.specs["star:2"].card = {}


def first_card(world):
    world.specs["superstar:1"].card = {"A": 1}


def word_more(world):
    world.specs["star:1"].more = True


def threads(world):
    world.specs["star:1"].threads = 4


def programs(world):
    edits.programs(world, 0, 1)


def engine(world):
    world.specs["star:1"].engine = "openmars"


def input_content(world):
    world.file("raw0").write_text("raw0 1\n")


def input_sly(world):
    edits.sly(world.file("raw0"))


def input_cut(world):
    os.truncate(world.file("raw0"), 0)


def input_gone(world):
    world.file("raw0").unlink()


def input_new(world):
    world.specs["star:1"].reads.append(Read("aside", "raw2"))


def input_fewer(world):
    world.specs["superstar:1"].reads.pop()


def output_cut(world):
    _write(product(world, "star:1", "s1.0"), b"")


def output_longer(world):
    path = product(world, "star:1", "s1.0")
    _write(path, path.read_bytes() + b"x" * 2_000_000)


def output_changed(world):
    edits.sly(product(world, "star:1", "s1.0"))


def output_gone(world):
    product(world, "star:1", "s1.0").unlink()


def action_gone(world):
    shutil.rmtree(product(world, "star:1", "s1.0").parent)


def promise(world):
    world.specs["star:1"].makes.append(Make("s1.more"))


def task_new(world):
    world.specs["star:3"] = Spec("s3", makes=[Make("s3.0")])


def task_new_that_failed(world):
    task_new(world)
    assert world.run(fail={"star:3"}).code == 1


def upstream_other(world):
    world.specs["star:1"].card["A"] = 7
    assert world.run(["star:1"]).code == 0


def _write(path, content):
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "task", "reason"),
    [
        (card, "star:1", "card key A: 6 → 7"),
        (key_more, "star:1", "card key C.D: not set → 2"),
        (key_fewer, "star:1", "card key B: 1 → not set"),
        (no_card, "star:2", "card key A: 6 → not set"),
        (first_card, "superstar:1", "card key A: not set → 1"),
        (word_more, "star:1", "argument --more is new"),
        (threads, "star:1", "its clock or its number of threads are others"),
        (programs, "star:2", "programs of mars: sha256 {mars} → {now}"),
        (engine, "star:1", "programs of openmars: sha256 {mars} → {openmars}"),
        (input_content, "star:1", "input raw0: content changed"),
        (input_sly, "star:1", "input raw0: content changed"),
        (input_cut, "star:1", "input raw0: content changed"),
        (input_gone, "star:1", "{storage}/raw0 cannot be read: No such file or directory"),
        (input_new, "star:1", "input raw2: new"),
        (input_fewer, "superstar:1", "input s2.0: not read any more"),
        (output_cut, "star:1", "output s1.0 was truncated ({size} B → 0)"),
        (output_longer, "star:1", "output s1.0 has grown ({size} B → 2.0 MB)"),
        (output_changed, "star:1", "output s1.0 was changed"),
        (output_gone, "star:1", "output s1.0 is gone"),
        (action_gone, "star:1", "output s1.0 is gone"),
        (promise, "star:1", "it never made s1.more"),
        (task_new, "star:3", "it was never made"),
        (task_new_that_failed, "star:3", "it failed last time: it broke"),
        (card, "superstar:1", "upstream star:1 will run"),
        (output_gone, "superstar:1", "upstream star:1 will run"),
        (card, "melibea:1", "upstream superstar:1 may run"),
        (upstream_other, "superstar:1", "input s1.0: content changed"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_first_reason_names_what_has_changed(world, plan, change, task, reason):
    session = world.session()
    words = {name: f"{session.engine_digest(name)[:12]}…" for name in ("mars", "openmars")}
    words |= {"storage": str(world.base / "storage"), "size": product(world, "star:1", "s1.0").stat().st_size}
    change(world)
    now = f"{world.session().engine_digest('mars')[:12]}…"
    assert Reasons(plan()).first(task) == reason.format(now=now, **words)


@pytest.mark.parametrize(
    "change",
    [
        lambda world: setattr(world.specs["star:1"], "style", 1),
        lambda world: setattr(world.specs["star:1"], "style", 2),
        lambda world: edits.input_touched(world, 0, 1),
        lambda world: edits.replace(world.file("raw0"), world.file("raw0").read_bytes()),
        lambda world: edits.product_touched(world, 1, 2),
        lambda world: edits.programs_touched(world, 0, 0),
        lambda world: edits.rename_task(world, 3, 2),
        lambda world: edits.reorder(world, 1, 1),
        lambda world: edits.moved(world, 0, 0),
        lambda world: edits.copied(world, 0, 0),
        lambda world: edits.derived_gone(world, 0, 5),
        lambda world: edits.receipt_gone(world, 0, 1),
        lambda world: world.folder.action(edits.journal(world)["star:1"][0]).chmod(0o700),
    ],
    ids=[
        "comment",
        "spaces",
        "touched",
        "replaced",
        "product-touched",
        "programs-touched",
        "renamed",
        "order",
        "moved",
        "copied",
        "derived",
        "receipt",
        "mode",
    ],
)
def test_what_leaves_results_as_they_are_changes_nothing(world, plan, change):
    change(world)
    assert plan().states == {}
    run = world.run()
    assert (run.code, sum(run.ran.values())) == (0, 0)
    assert "nothing to do" in run.said


def test_a_card_that_is_changed_back_is_up_to_date_again_at_once(world, plan):
    card(world)
    assert world.run().code == 0
    world.specs["star:1"].card["A"] = 6
    made = plan()
    assert made.states == {}
    assert made.found == ["star:1", "superstar:1", "melibea:1"]
    assert sum(world.run().ran.values()) == 0
    assert plan().found == []


def test_the_same_bytes_as_before_cause_nothing_downstream(world, plan):
    world.specs["star:1"].card["Aside"] = 1
    made = plan()
    assert made.states == {"star:1": "run", "superstar:1": "wait", "melibea:1": "wait"}
    assert dict(world.run().ran) == {"star:1": 1}
    assert plan().states == {}


def test_a_task_with_a_change_of_its_own_runs_whatever_comes_from_before(world, plan):
    world.specs["star:1"].card["Aside"] = 1
    world.specs["melibea:1"].card["A"] = 1
    made = plan()
    assert made.states == {"star:1": "run", "superstar:1": "wait", "melibea:1": "run"}
    assert Reasons(made).all("melibea:1") == ["card key A: 0 → 1", "upstream superstar:1 may run"]


def test_a_file_that_is_gone_stops_only_what_depends_on_it(world, plan):
    input_gone(world)
    made = plan()
    assert made.states == dict.fromkeys(("star:1", "superstar:1", "melibea:1"), "cannot")
    assert Reasons(made).first("melibea:1").startswith(f"{world.base}/storage/raw0 cannot be read")
    assert plan(["star:2"]).states == {}


def test_a_file_that_is_gone_is_told_before_the_first_run_as_well(made, tmp_path):
    world = World(tmp_path / "new")
    world.add_file("raw0")
    world.add_file("raw1")
    world.specs = made.specs
    input_gone(world)
    planned = make_plan(world.session())
    try:
        assert planned.states == dict.fromkeys(("star:1", "superstar:1", "melibea:1"), "cannot") | {"star:2": "run"}
        assert Reasons(planned).first("star:1") == f"{world.file('raw0')} cannot be read: No such file or directory"
    finally:
        planned.close()


def test_all_reasons_are_told(world, plan):
    for change in (card, input_content, output_cut):
        change(world)
    programs(world)
    reasons = Reasons(plan()).all("star:1")
    assert reasons[0] == "card key A: 6 → 7"
    assert reasons[1].startswith("programs of mars: sha256 ")
    assert reasons[2] == "input raw0: content changed"
    assert reasons[3].startswith("output s1.0 was truncated")


def test_the_plan_as_data(world, plan):
    card(world)
    told = json.loads(json.dumps(text.data(plan())))
    assert {key: told[key] for key in ("analysis", "selected", "up_to_date")} == {
        "analysis": "analysis0",
        "selected": 4,
        "up_to_date": 1,
    }
    assert told["tasks"][0] == {
        "task": "star:1", "stage": "star", "state": "run", "reasons": ["card key A: 6 → 7"], "waits": None,
    }  # fmt: skip
    assert [(each["task"], each["state"], each["waits"]) for each in told["tasks"][1:]] == [
        ("superstar:1", "wait", "star:1"),
        ("melibea:1", "wait", "superstar:1"),
    ]
    assert told["cost"]["cpu_h"] == pytest.approx(3 * 0.1 / 3600, abs=1e-4)
    assert told["cost"]["disk_bytes"] > 0
    assert [each["task"] for each in text.data(plan(), "melibea:1")["tasks"]] == ["melibea:1"]


def test_the_plan_in_lines(world, plan):
    assert list(text.lines(plan(), "toy")) == ["analysis0: nothing to do, all 4 tasks are up to date"]
    for name in ("star:1", "star:2"):
        world.specs[name].card["A"] = 7
    lines = list(text.lines(plan(), "toy"))
    assert lines[0] == "analysis0: of 4 tasks 2 would run, 2 may run; 0 up to date"
    assert lines[2].startswith("star: 2 would run")
    assert lines[3:5] == ["  card key A: 6 → 7", "    star:1, star:2"]
    assert "  upstream star:1 will run" in lines
    assert lines[-1].endswith("./doit analysis=toy runs it")


def test_why_tells_the_whole_chain(world, plan):
    card(world)
    lines = list(text.why(plan(), "melibea:1"))
    assert lines[:4] == [
        "melibea:1: may run",
        "  upstream superstar:1 may run",
        "  superstar:1: may run: upstream star:1 will run",
        "  star:1: would run: card key A: 6 → 7",
    ]
    assert lines[4].startswith("  last done 20")
    assert " on node1, in store/" in lines[4]
    assert next(text.why(plan(), "star:2")) == "star:2: up to date"


def test_how_two_analyses_differ(made, world):
    card(world)
    input_new(world)
    task_new(world)
    del world.specs["melibea:1"]
    world.root = world.root.rename(world.base / "other")
    told = compare(made.session(), world.session())
    assert told == {
        "analyses": ["analysis0", "other"],
        "same": 2,
        "only": [["melibea:1"], ["star:3"]],
        "differ": [
            {"task": "star:1", "stage": "star", "reasons": ["card key A: 6 → 7", "input aside/raw2 more"]},
        ],
    }
    assert list(text.diff(told, whole=False)) == [
        "analysis0 and other: 2 tasks are the same, 1 differ",
        "  star: card key A: 6 → 7; input aside/raw2 more",
        "    star:1",
        "only in analysis0: melibea:1",
        "only in other: star:3",
    ]


def test_programs_that_differ_are_told_of_two_analyses(made, world):
    programs(world)
    differ = compare(made.session(), world.session())["differ"]
    assert [each["task"] for each in differ] == ["star:1", "star:2", "melibea:1"]
    assert differ[0]["reasons"][0].startswith("programs of mars: sha256 ")


def test_an_entry_whose_receipt_is_lost_stays_while_others_read_it(world):
    """What its task trusts, by the journal, is what a twin has to make again: all at once."""
    star = world.specs["star:1"]
    world.specs["star:1twin"] = Spec(
        star.ident,
        card=dict(star.card),
        reads=list(star.reads),
        makes=[Make(each.name, each.optional, False) for each in star.makes],
    )
    world.specs["melibea:2"] = Spec("m2", reads=[Read("in", "s1.0", "star:1")], makes=[Make("m2.0")])
    receipt = world.folder.action(edits.journal(world)["star:1"][0]) / "receipt.json"
    receipt.unlink()
    run = world.run()
    assert run.code == 0
    assert dict(run.ran) == {"star:1twin": 1, "melibea:2": 1}
    assert receipt.exists()
