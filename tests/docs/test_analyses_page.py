"""docs/analyses.md lists what there is, and each analysis of the project can be expanded as it stands."""

import re
from pathlib import Path

import pytest

from automagic.analysis import load
from automagic.kinds import KINDS

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in PROJECT.glob("analyses/*/analysis.toml")
                 if not path.read_text(encoding="utf-8").startswith("# Derived from "))  # fmt: skip
PAGE = PROJECT / "docs" / "analyses.md"


def first_column(heading):
    """Return the words in backticks in the first column of the table under a heading."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return {
        word for row in re.findall(r"^\| (.*?) \|", section, re.MULTILINE) for word in re.findall(r"`([^`]+)`", row)
    }


def test_the_page_has_each_kind_and_each_analysis():
    assert first_column("Kinds") >= KINDS.keys()
    assert first_column("Analyses to start from") == {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("page", sorted(PROJECT.glob("docs/kinds/*.md")), ids=lambda page: page.stem)
def test_each_page_says_what_is_public_and_shows_a_plot(page):
    text = page.read_text(encoding="utf-8")
    assert "\n## Public, assumed, to check\n" in text
    assert re.search(r"!\[[^\]]*\]\(\.\./images/[^)]+\.png\)", text)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_analysis_has_a_page_and_tells_its_command(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert f"analysis={folder.name}" in text or f"analyses/{folder.name}" in text


SIMULATED = [folder for folder in FOLDERS if folder.name not in ("crab-public", "crab-nights")]
"""These two read storage."""


@pytest.mark.parametrize("folder", SIMULATED, ids=lambda folder: folder.name)
def test_each_simulated_analysis_expands_without_a_task_that_cannot_run(folder, tmp_path):
    from shutil import copyfile

    from automagic.graph import expand

    for path in folder.iterdir():
        if path.is_file():
            copyfile(path, tmp_path / path.name)
    analysis = load(tmp_path)
    graph = expand(analysis)
    assert graph.tasks
    assert {task.name: task.problem for task in graph.tasks.values() if task.problem} == {}
