"""``sorcerer``: from waveforms to charges and times. One call for the constants, then one a subrun and telescope."""

from __future__ import annotations

from dataclasses import replace

from automagic.graph.task import Input, Output, Resources, Task
from automagic.index import DataFile
from automagic.naming import DataName, SummaryName
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper
from automagic.programs.inputs import source_input

WRAPPER = Wrapper(
    program="sorcerer",
    stage="sorcerer",
    summary="calibrate raw data: charge and arrival time of each pixel",
    default_cards={"": "sorcerer.rc"},
    exit_codes={**COMMON_EXIT_CODES, 2: "too few interleaved pedestal or calibration events"},
    # on-site analysis goes on after 2; the files must be there then
    tolerated=frozenset({2}),
    resources=Resources(memory_mb=900, disk_mb=1000, minutes=60),
    unknown=(
        *COMMON_UNKNOWN,
        "its command line, but for -c for the pass that computes the constants; --ind and --out are as in the other "
        "programs, --ped, --cal and --constants are openmars' own",
        "all keys of sorcerer.rc",
        "how it tells too few interleaved events (2) from wrong arguments, which give 2 in the public fork of MARS",
        "whether scalib<run>_M<t>.root is named after the calibration run, and ssignal<run>_M<t>.root is one file a "
        "run or a subrun; here sorcerer is called for each subrun and so makes one each",
    ),
)

CONSTANTS = replace(
    WRAPPER,
    stage="constants",
    summary="calibration constants from a pedestal and a calibration run",
    exit_codes=COMMON_EXIT_CODES,
    tolerated=frozenset(),
)


def constants_task(
    setup: Setup,
    telescope: int,
    pedestal: list[Input],
    calibration: list[Input],
    runs: tuple[int, int],
    conditions: dict[str, object],
) -> Task:
    """Make the task that computes one telescope's constants.

    Parameters
    ----------
    setup
        Engine and overrides.
    telescope
        1 or 2.
    pedestal, calibration
        The files, roles ``"pedestal"`` and ``"calibration"``.
    runs
        Number of the pedestal and of the calibration run.
    conditions
        What the catalog should know.
    """
    output = str(SummaryName("scalib", runs[1], telescope))
    return setup.task(
        CONSTANTS,
        f"{runs[0]:08d}_{runs[1]:08d}.M{telescope}",
        arguments=(
            "-b",
            "-q",
            "-f",
            "-c",
            "--config=card.rc",
            f"--ped=in/pedestal/*_P_*{extension(pedestal)}",
            f"--cal=in/calibration/*_C_*{extension(calibration)}",
            "--out=out",
        ),
        card=setup.card(CONSTANTS),
        inputs=[*pedestal, *calibration],
        outputs=[
            Output(output, "constants", f"products/constants/{runs[0]:08d}/{output}", {"root": True, "min_bytes": 1})
        ],
        conditions={**conditions, "telescope": telescope, "pedestal": runs[0], "calibration": runs[1]},
    )


def task(
    setup: Setup,
    what: str,
    file: DataFile,
    constants: list[Input],
    conditions: dict[str, object],
    problem: str | None = None,
) -> Task:
    """Make the task of one subrun of one telescope.

    Parameters
    ----------
    setup
        Engine and overrides.
    what
        Run, subrun and telescope, ``"05029747.001.M1"``.
    file
        The raw file.
    constants
        The constants' file, role ``"constants"``; empty where there is a `problem`.
    conditions
        What the catalog should know.
    problem
        Why it cannot run.
    """
    name = file.name
    assert isinstance(name, DataName)
    raw = [source_input("raw", file, raw_checks(name))]
    calibrated, summary = str(name.at("calibrated")), str(SummaryName("ssignal", name.run, name.telescope))
    return setup.task(
        WRAPPER,
        what,
        arguments=(
            "-b",
            "-q",
            "-f",
            "--config=card.rc",
            f"--ind=in/raw/*_D_*{extension(raw)}",
            *(f"--constants=in/constants/{each.name}" for each in constants),
            "--out=out",
        ),
        card=setup.card(WRAPPER),
        inputs=[*raw, *constants],
        outputs=[
            Output(
                calibrated,
                "calibrated",
                f"products/sorcerer/{calibrated}",
                {"root": True, "level": "calibrated", "run": name.run, "telescope": name.telescope, "min_events": 1},
            ),
            Output(
                summary,
                "summary",
                f"products/sorcerer/{name.subrun:03d}/{summary}",
                {"root": True, "min_bytes": 1},
            ),
        ],
        conditions={**conditions, "telescope": name.telescope, "subrun": name.subrun},
        problem=problem,
    )


RUN_TYPES = {"raw": 0, "pedestal": 1, "calibration": 2}
"""MRawRunHeader.fRunType, as in the public fork of MARS and in ctapipe_io_magic."""


def extension(files: list[Input]) -> str:
    """Return the extension of raw files: ``.root``, or what MAGIC's data acquisition writes.

    Examples
    --------
    >>> extension([Input("raw", "20131005_M1_05029747.001_D_CrabNebula-W0.40+035.raw.gz")])
    '.raw.gz'
    """
    return next((each for each in (".raw.gz", ".raw") if files[0].name.endswith(each)), ".root")


def raw_checks(name: DataName) -> dict[str, object]:
    """Say what must be true of a raw file: of the right run, telescope and type.

    Of MAGIC's own raw files, whose form is not public, only that they are not empty.
    """
    if name.extension:
        return {"min_bytes": 1}
    return {
        "root": True,
        "level": "raw",
        "run": name.run,
        "telescope": name.telescope,
        "run_type": RUN_TYPES[name.level],
        "min_events": 1,
    }
