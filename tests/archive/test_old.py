"""An archive of each form that there ever was is read, verified and run again by this version."""

from pathlib import Path

import pytest

from automagic.analysis.site import Site
from automagic.archive.reader import Archive
from automagic.archive.rerun import Asked, rerun
from automagic.archive.verify import verify
from automagic.job.steps import FORM

OLD = Path(__file__).parent / "old"
FORMS = sorted(path.name for path in OLD.iterdir() if (path / "crab.tar").exists())


def test_there_is_one_of_each_form():
    assert [f"form{number}" for number in range(1, FORM + 1)] == FORMS


@pytest.mark.parametrize("form", FORMS)
def test_an_old_archive_runs_again_with_the_same_bytes(form, tmp_path):
    engines = {"mars": {"marssys": str(OLD / form / "mars")}}
    site = Site.model_validate({"folder": tmp_path, "engines": engines})
    with Archive(OLD / form / "crab.tar") as opened:
        assert verify(opened).problems == []
        told = rerun(opened, Asked(tmp_path / "into", inputs=[OLD / form / "storage"]), site)
    assert told["verdict"] == "identical"
    assert told["summary"]["identical"] == 6
