"""The life of a program: options, exit codes, the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from openmars.core import Context, Option, Program


def work(ctx: Context) -> int:
    ctx.log(f"level {ctx.env.get_float('Job.Level', 1.0)}")
    for path in ctx.inputs(ctx.value("ind")):
        ctx.output(path.name + ".out").write_text("done")
    if ctx.flag("mc"):
        ctx.fail(7, "no starguider")
    return 0


PROGRAM = Program("work", "does work", (Option("--ind", "inputs", "GLOB"), Option("-mc", "simulated")), work, "none.rc")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card.rc").write_text("Job.Level: 2\nJob.Lewel: 3\n")
    (tmp_path / "a.in").write_text("")
    return tmp_path


def run(*words: str) -> int:
    return PROGRAM.run(["-b", "-q", "--config=card.rc", "--ind=*.in", *words])


def test_a_run_lists_the_resources_that_nobody_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out=out", "--log=out/work.log") == 0
    shown = capsys.readouterr().out
    assert "level 2.0" in shown
    assert "\nResource untouched: Job.Lewel: 3\n" in shown
    assert (here / "out" / "work.log").read_text() == shown
    assert (here / "out" / "a.in.out").exists()


def test_outputs_are_overwritten_only_when_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert run() == 2
    assert "a.in.out" in capsys.readouterr().err
    assert run("-f") == 0


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("--outt=x", 2, "--out"),
        ("-mcc", 2, "-mc"),
        ("--ind=*.nothing", 2, "*.nothing"),
        ("--ind", 2, "--ind=GLOB"),
        ("-mc=1", 2, "no value"),
        ("--config=none.rc", 254, "none.rc"),
        ("--rc=Level", 253, "Name:value"),
        ("-mc", 7, "starguider"),
    ],
)
def test_failures_end_in_one_line_and_their_code(
    here: Path, capsys: pytest.CaptureFixture[str], word: str, code: int, said: str
) -> None:
    assert run(word) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


def test_a_resource_on_the_command_line_wins(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--rc=Job.Level:5") == 0
    assert "level 5.0" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["--help", "-h", "-?"])
def test_help_names_every_option(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert PROGRAM.run([word]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("--ind=GLOB", "-mc", "--config=FILE"))


def join(ctx: Context) -> int:
    ctx.log(f"{ctx.value('REPORT')} into {ctx.value('FILE')}{' again' if ctx.flag('u') else ''}")
    return 0


JOIN = Program("join", "joins", (Option("-u", "again"),), join, "", (Option("REPORT", "what"), Option("FILE", "where")))


def test_words_without_dashes_are_taken_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert JOIN.run(["a.rep", "-b", "b.root", "-u"]) == 0
    assert "a.rep into b.root again" in capsys.readouterr().out
    assert JOIN.run(["same", "same"]) == 0
    assert "same into same" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["a.rep"], ["a.rep", "b.root", "c.root"]])
def test_words_without_dashes_must_be_all(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert JOIN.run(words) == 2
    assert "expected REPORT FILE" in capsys.readouterr().err
    assert JOIN.run([*words, "--help"]) == 0
    assert "join [options] REPORT FILE" in capsys.readouterr().out


def test_every_program_can_be_called_and_has_its_card() -> None:
    from importlib import import_module

    from openmars.__main__ import PROGRAMS
    from openmars.core.program import MRCFILES

    for name, module in PROGRAMS.items():
        program = import_module(module).PROGRAM
        assert program.name == name
        assert not program.default_card or (MRCFILES / program.default_card).is_file()
        assert (MRCFILES.parent / name).resolve() == MRCFILES.parent / "run"
