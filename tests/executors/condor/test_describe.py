"""What is written into submit descriptions, as HTCondor itself reads it."""

from __future__ import annotations

import sys
from pathlib import Path

import htcondor2
import pytest

from automagic.analysis.condor import Condor
from automagic.errors import UserError
from automagic.executors import Request
from automagic.executors.condor.batches import Batch, Member, kind_of, read
from automagic.executors.condor.describe import Site, describe

ATTEMPT = "0123456789abcdef-01234567"


def described(work: Path, name: str = "crab", task: str = "star:0", image: Path | None = None, **settings: object):
    """Return what HTCondor makes of the description of one job, and its item."""
    site = Site(Condor(**settings), work, name, work / "job.pyz", work / "launch.sh")
    kind = kind_of(Request(ATTEMPT, work / ATTEMPT, stage="star", image=image, memory_mb=450, minutes=20))
    text, items = describe(site, Batch("b", "log", kind, [Member(ATTEMPT, task, "a" * 64, 3)]), work / "log")
    submit = htcondor2.Submit(text)
    for key, value in items[0].items():
        submit[key] = value
    return submit, items[0]


def words(submit: htcondor2.Submit) -> list[str]:
    """Return the words of the program, as HTCondor's new syntax says."""
    text = submit.expand("arguments")
    assert text[0] == text[-1] == '"'
    return [word.replace("''", "'").replace('""', '"') for word in text[2:-2].split("' '")]


def test_a_job_on_the_host() -> None:
    submit, _ = described(Path("/a/work"))
    assert submit.expand("executable") == sys.executable
    assert words(submit) == ["-I", "/a/work/job.pyz", f"/a/work/{ATTEMPT}/spec.json"]
    assert submit.expand("initialdir") == f"/a/work/{ATTEMPT}"
    assert submit.expand("request_memory") == "500"
    assert submit.expand("allowed_execute_duration") == str(30 * 60 + 1800)
    assert submit.expand("priority") == "3"
    assert submit.expand("submit_event_user_notes") == ATTEMPT


def test_a_job_in_an_image() -> None:
    submit, _ = described(Path("/a/work"), image=Path("/images/a.sif"))
    assert submit.expand("executable") == "/bin/sh"
    assert words(submit) == ["/a/work/launch.sh", f"/a/work/{ATTEMPT}"]


@pytest.mark.parametrize("folder", ["a b", "it's", 'the "best"', "$(x)", "$x", "a,b;c", "Ä", "# no", "%d", "[x]", "-f"])
def test_folders_with_odd_names_stay_one_word(folder: str) -> None:
    work = Path("/data") / folder / "work"
    submit, _ = described(work)
    assert submit.expand("initialdir") == f"{work}/{ATTEMPT}"
    assert submit.expand("log") == str(work / "log")
    assert words(submit)[1:] == [str(work / "job.pyz"), f"{work}/{ATTEMPT}/spec.json"]


@pytest.mark.parametrize("task", ['a "b"', "$(attempt)", "x\ny = z", "a\\", "'", "Ä€", "a\x1fb", "queue 1000"])
def test_odd_names_of_tasks_and_analyses_reach_no_other_line(task: str) -> None:
    submit, item = described(Path("/a/work"), name=task, task=task)
    plain, _ = described(Path("/a/work"))
    assert set(submit.keys()) == set(plain.keys())
    for text in (item["task"], submit.expand("batch_name")):
        assert text.isascii()
        assert not set(text) & set("\"'$\\\n\x1f ")


def test_a_folder_that_cannot_be_written_down_is_an_error() -> None:
    with pytest.raises(UserError, match="cannot be written"):
        described(Path("/a/x\nqueue 100/work"))


def test_memory_grows_up_to_the_limit() -> None:
    submit, _ = described(Path("/a/work"), memory_max_mb=2000)
    assert submit.expand("retry_request_memory_increase") == "RequestMemory * 2"
    assert submit.expand("retry_request_memory_max") == "2000"
    submit, _ = described(Path("/a/work"), memory_max_mb=500)
    assert "retry_request_memory_increase" not in submit.keys()  # noqa: SIM118 (`in` asks for a default)


def test_settings_of_the_site_are_in_it() -> None:
    submit, _ = described(
        Path("/a/work"), accounting_group="magic", accounting_group_user="ada", max_queued=5, max_running=7,
        submit={"requirements": "HasSIF", "+Project": '"MAGIC"'},
    )  # fmt: skip
    expected = {"accounting_group": "magic", "accounting_group_user": "ada", "max_idle": "5", "max_materialize": "12"}
    assert {key: submit.expand(key) for key in expected} == expected
    assert submit.expand("requirements") == "HasSIF"
    assert submit.expand("My.Project") == '"MAGIC"'


def test_a_batch_is_read_as_it_was_written(tmp_path: Path) -> None:
    kind = kind_of(Request(ATTEMPT, tmp_path, stage="star", image=Path("/i.sif"), cores=2, memory_mb=450))
    batch = Batch("0123", "abc.log", kind, [Member(ATTEMPT, 'task "x"\n', "a" * 64, 3)])
    batch.write(tmp_path)
    assert read(tmp_path / "0123.json") == batch
    assert [path.name for path in tmp_path.iterdir()] == ["0123.json"]
