"""The wrappers: what public sources say of MARS's programs, and agreement with the programs that are here."""

from dataclasses import replace
from pathlib import Path

import pytest

import automagic
from automagic.analysis import load
from automagic.errors import UserError
from automagic.graph import expand
from automagic.programs import PROGRAMS
from automagic.programs.base import Setup, check_overrides

ROOT = Path(automagic.__file__).parents[1]
OPENMARS = Setup("openmars", ROOT / "openmars", ROOT / "openmars")


@pytest.fixture(scope="module")
def tasks():
    return {**expand(load(ROOT / "analyses" / "crab")).tasks, **expand(load(ROOT / "analyses" / "crab-raw")).tasks}


def words(tasks, name):
    return " ".join(tasks[name].arguments)


def test_all_programs_of_the_chain_are_there():
    chain = ["openmars-sim", "sorcerer", "merpp", "star", "superstar", "quate", "selectmc", "coach", "melibea"]
    chain.append("magic_dl3")
    moonlight = {"part", "mark", "levels"}
    others = [name for name in PROGRAMS if name not in moonlight]
    more = ["flux", "sources", "skymap", "phase", "phaseogram", "pulsar_spectrum"]
    assert others == [*chain, "haze", "index", "theta2", "spectrum", "lightcurve", *more]
    assert moonlight < PROGRAMS.keys()


def test_command_lines_are_those_of_public_scripts(tasks):
    assert words(tasks, "star:05029747.M1") == "-b -q -f --config=card.rc --ind=in/calibrated/*_Y_*.root --out=out"
    assert words(tasks, "star:GA_za05to35_w0_1001.M2").startswith("-b -q -f -mc --config=card.rc")
    superstar = words(tasks, "superstar:05029747")
    assert "--ind1=in/m1/*_I_*.root --ind2=in/m2/*_I_*.root" in superstar
    assert "-joinmc --pathMC=in/mc/*_S_*.root" in words(tasks, "selectmc:GA_za05to35_w0")
    assert words(tasks, "coach:za05to35.RFdisp") == "-b -q --config=card.rc -RFdisp"
    melibea = words(tasks, "melibea:05029747")
    for word in ("--stereo", "--rftree=in/rf/RF.root", "--rfdisp2tree=in/rf/disp2/DispRF.root", "--disp-rf-sstrained"):
        assert word in melibea
    assert "--outname" not in melibea
    assert words(tasks, "constants:05029745_05029746.M2").startswith("-b -q -f -c --config=card.rc --ped=in/pedestal/")
    sorcerer = words(tasks, "sorcerer:05029747.001.M1")
    assert "--ind=in/raw/*_D_*.root --constants=in/constants/scalib05029746_M1.root --out=out" in sorcerer
    name = "20131005_M1_05029747.001_{}_CrabNebula-W0.40+035"
    merpp = f"-u --auto-time --config=card.rc in/report/{name.format('D')}.rep out/{name.format('Y')}.root"
    assert words(tasks, "merpp:05029747.001.M1").endswith(merpp)
    quate = "-b -q -f --stereo --times --config=card.rc --ind=in/data --out=out"
    assert words(tasks, "quate:05029747") == quate


def test_patterns_match_the_inputs_of_their_task_and_no_others(tasks):
    from fnmatch import fnmatchcase

    for task in tasks.values():
        patterns = [word.split("=", 1)[1] for word in task.arguments if "=in/" in word and "*" in word]
        for pattern in patterns:
            role = pattern.split("/")[1]
            inputs = [f"in/{each.role}/{each.name}" for each in task.inputs if each.role == role]
            assert inputs, f"{task.name}: nothing for {pattern}"
            assert all(fnmatchcase(each, pattern) for each in inputs)
        for word in task.arguments:
            if "=in/" in word and "*" not in word and task.engine != "science":
                there = {f"in/{each.role}/{each.name}" for each in task.inputs} | {
                    f"in/{each.role}" for each in task.inputs
                }
                assert word.split("=", 1)[1] in there


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_not_known_of_mars_is_said(program):
    wrapper = PROGRAMS[program]
    assert wrapper.summary
    if wrapper.engine is None:
        assert wrapper.unknown
        assert 2 in wrapper.exit_codes


def test_exit_codes_of_on_site_analysis():
    star = PROGRAMS["star"]
    assert {7, 17, 34} <= set(star.exit_codes)
    assert star.tolerated == {7}
    assert PROGRAMS["sorcerer"].tolerated == {2}
    assert PROGRAMS["merpp"].tolerated == {23}
    assert {25, 254, 255} <= set(PROGRAMS["merpp"].exit_codes)
    assert all(wrapper.tolerated <= set(wrapper.exit_codes) for wrapper in PROGRAMS.values())


def test_each_key_of_each_card_is_in_the_default_card(tasks):
    for task in tasks.values():
        wrapper = PROGRAMS[task.program]
        if not task.card:
            continue
        variant = f"M{task.conditions['telescope']}" if task.program == "star" else ""
        default = wrapper.default(OPENMARS, variant)
        extra = {line.split(":")[0] for line in task.card.splitlines()} - set(default)
        assert not extra, f"{task.name}: no program here reads {extra}"


def test_each_default_card_key_can_be_overridden():
    overrides = {}
    for program, wrapper in PROGRAMS.items():
        for variant in wrapper.default_cards:
            card = wrapper.default(OPENMARS, variant)
            prefix = f"{variant}." if variant else ""
            table = {prefix + key: value for key, value in card.items() if key not in wrapper.set_here}
            overrides.setdefault(program, {}).update(table)
    check_overrides(replace(OPENMARS, overrides=overrides), PROGRAMS, "analysis.toml")


def test_a_missing_default_card_is_told(tmp_path):
    with pytest.raises(UserError, match=r"star_M1_OSA\.rc"):
        Setup("mars", tmp_path, tmp_path).card(PROGRAMS["star"], variant="M1")
