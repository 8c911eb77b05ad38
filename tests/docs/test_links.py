"""What the pages point at is there, and their examples are ones that autoMAGIC takes."""

import re
import tomllib
from pathlib import Path

import pytest

from automagic.analysis.sections import Document
from automagic.analysis.site import Site

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("analyses/*/README.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_to_files_that_are_there(page):
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def examples():
    for page in PAGES:
        for number, text in enumerate(TOML.findall(page.read_text(encoding="utf-8"))):
            yield pytest.param(text, id=f"{page.relative_to(PROJECT)}:{number}")


@pytest.mark.parametrize("text", examples())
def test_examples_are_taken(text):
    """Each is a part of analysis.toml or of site.toml: every key of it is one that exists, with a value that can be."""
    given = tomllib.loads(text)
    if "simulate" in given:
        given["simulate"].setdefault("seed", 1)
    if given.keys() <= Site.model_fields.keys() - {"folder"}:
        Site.model_validate(given)
    else:
        source = {} if "sources" in given else {"source": {"name": "Crab", "ra": 83.63, "dec": 22.01}}
        Document.model_validate({**source, **given})
