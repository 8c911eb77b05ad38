"""The action: sensitive to all that changes results, and to nothing else."""

import dataclasses
import random

from hypothesis import given
from hypothesis import strategies as st

from automagic.graph.identity import action, engine_digest
from automagic.graph.task import Input, Output, Resources, Task

words = st.text("abcXYZ019.-=_é", min_size=1, max_size=8)
keys = st.from_regex(r"[A-Z][a-z]{0,4}\.[a-z]{1,4}[0-9]?", fullmatch=True)
cards = st.dictionaries(keys, words, min_size=1, max_size=5)
hashes = st.text("0123456789abcdef", min_size=8, max_size=8)
inputs = st.lists(st.tuples(words, words, hashes), max_size=5, unique_by=lambda i: i[:2])


def text(card):
    return "".join(f"{key}: {value}\n" for key, value in card.items())


def make(card, arguments=("-b",), **more):
    return Task("star:1", "star", "star", "openmars", "star", tuple(arguments), text(card), **more)


@given(cards, inputs, st.randoms(use_true_random=False))
def test_order_comments_and_spacing_do_not_matter(card, files, rng: random.Random):
    plain = action(make(card), "d", files)
    shuffled = list(card.items())
    rng.shuffle(shuffled)
    lines = [f"# {rng.random()}", *(f"{key}:   {value}" for key, value in shuffled), ""]
    mixed = rng.sample(files, len(files))
    assert action(dataclasses.replace(make({}), card="\n".join(lines)), "d", mixed) == plain


@given(cards, inputs)
def test_names_paths_resources_conditions_and_outputs_do_not_matter(card, files):
    plain = make(card)
    other = dataclasses.replace(
        plain,
        name="star:2",
        stage="other",
        inputs=(Input("a", "b", path="/elsewhere"),),
        outputs=(Output("x", "star", "products/x"),),
        resources=Resources(cores=8),
        conditions={"run": 1},
        exit_codes={1: "x"},
    )
    assert action(other, "d", files) == action(plain, "d", files)


@given(cards, inputs, st.data())
def test_every_relevant_change_matters(card, files, data):
    task = make(card)
    plain = action(task, "d", files)
    key = data.draw(st.sampled_from(sorted(card)))
    changed = [
        action(make({**card, key: card[key] + "1"}), "d", files),
        action(make({**card, "Zz.new": "1"}), "d", files),
        action(make(card, ("-b", "-mc")), "d", files),
        action(make(card, ("-mc", "-b")), "d", files),
        action(make(card, ("-b ",)), "d", files),
        action(dataclasses.replace(task, program="superstar"), "d", files),
        action(dataclasses.replace(task, executable="superstar"), "d", files),
        action(task, "e", files),
        action(task, "d", [*files, ("new role", "n", "0")]),
    ]
    if files:
        role, name, digest = files[0]
        changed += [
            action(task, "d", [(role, name, digest[:-1] + "x"), *files[1:]]),
            action(task, "d", [(role + "2", name, digest), *files[1:]]),
            action(task, "d", [(role, name + "2", digest), *files[1:]]),
            action(task, "d", files[1:]),
        ]
    assert plain not in changed
    assert len(set(changed)) == len(changed)


@given(words, words)
def test_words_cannot_run_into_each_other(a, b):
    task = make({"A.a": "1"}, (a, b))
    assert action(task, "d", []) != action(make({"A.a": "1"}, (a + b,)), "d", [])
    assert action(task, "d", [(a, b, "0")]) != action(task, "d", [(a + b, "", "0")])


def test_engine_digest_sees_programs_and_cards_and_nothing_else(tmp_path):
    def digest(folder):
        return engine_digest([folder], lambda path: path.read_text() if tmp_path in path.parents else "lock")

    folder = tmp_path / "mars"
    (folder / "mrcfiles").mkdir(parents=True)
    (folder / "star").write_text("program")
    (folder / "mrcfiles" / "star.rc").write_text("A: 1")
    plain = digest(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.py").write_text("cache")
    (folder / "notes.md").write_text("notes")
    (folder / ".hidden").write_text("x")
    assert digest(folder) == plain
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert digest(moved) == plain
    (moved / "mrcfiles" / "star.rc").write_text("A: 2")
    assert digest(moved) != plain
