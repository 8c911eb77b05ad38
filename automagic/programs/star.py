"""``star``: image cleaning and parameters, one call a run and telescope."""

from __future__ import annotations

from automagic.cards import read_text
from automagic.graph.task import Input, Output, Resources, Task
from automagic.index import DataFile
from automagic.naming import DataName, McName
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper
from automagic.programs.inputs import source_input

WRAPPER = Wrapper(
    program="star",
    stage="star",
    summary="clean images and parametrise them, per telescope",
    default_cards={"M1": "star_M1_OSA.rc", "M2": "star_M2_OSA.rc"},
    # read by MAGIC's star where set, see MarsUtil; whether its default card has them is not public
    extra_keys=frozenset(
        {
            "MJStar.MImgCleanStd.CleanMethod",
            "MJStar.MImgCleanStd.CleanLevel1",
            "MJStar.MImgCleanStd.CleanLevel2",
            "MJStar.UseAddNoise",
            "MJStar.MAddNoise.Method",
            "MJStar.MAddNoise.NewNoiseMean",
            "MJStar.MAddNoise.NewNoiseRMS",
            "MJStar.CalibStarguider",
            "MJStar.UseStarguider",
            # of the next-neighbour cleaning, which are openmars' own; those of MARS's cleaning are not public
            "MJStar.MImgCleanStd.FakeRate",
            "MJStar.MImgCleanStd.FakeRateEdge",
            "MJStar.MImgCleanStd.CoincidenceWindow",
            "MJStar.MImgCleanStd.TimeResolution",
        }
    ),
    exit_codes={
        **COMMON_EXIT_CODES,
        6: "seen at La Palma, meaning not public",
        7: "no starguider information",
        17: "too many mirrors in a bad state",
        20: "seen at La Palma, meaning not public",
        34: "the image cleaning does not fit the brightness of the sky",
    },
    # on-site analysis treats 7 as an incidence and goes on; 17 and 34 touch the result, so a person decides
    tolerated=frozenset({7}),
    resources=Resources(memory_mb=700, disk_mb=500, minutes=60),
    unknown=(
        *COMMON_UNKNOWN,
        "the complete keys and defaults of star_M1_OSA.rc and star_M2_OSA.rc",
        "how MaTaJu, the cleaning for low energies, is asked for: CleanMethod NextNeighbour with FakeRate, "
        "FakeRateEdge, CoincidenceWindow and TimeResolution is openmars' own",
        "whether -mc needs all files of a set in one call, as MAGIC-NN notes (otherwise no starguider tree); "
        "here Monte Carlo is processed file by file",
        "whether the summary file star<run>.root is needed by later programs; here it is not kept",
    ),
)


def task(
    setup: Setup,
    what: str,
    telescope: int,
    files: tuple[DataFile, ...],
    conditions: dict[str, object],
    folder: str = "products/star",
) -> Task:
    """Make the task of one telescope.

    Parameters
    ----------
    setup
        Engine and overrides.
    what
        The run, ``"05029747"``, or for Monte Carlo the set and run, ``"GA_za05to35_w0_1001"``.
    telescope
        1 or 2.
    files
        Its calibrated files.
    conditions
        What the catalog should know.
    folder
        Where people find the products.
    """
    mc = isinstance(files[0].name, McName)
    checks: dict[str, object] = {"root": True, "level": "calibrated", "telescope": telescope, "min_events": 1}
    if isinstance(files[0].name, DataName):
        checks |= {"run": files[0].name.run, "drive_min": 3}
    inputs: list[Input] = [source_input("calibrated", file, checks) for file in files]
    outputs = [
        Output(name, "star", f"{folder}/{name}", {"root": True, "tree": "Events", "min_events": 1})
        for name in (str(file.name.at("star")) for file in files)
    ]
    card = setup.card(WRAPPER, variant=f"M{telescope}")
    return setup.task(
        WRAPPER,
        f"{what}.M{telescope}",
        arguments=(
            "-b",
            "-q",
            "-f",
            *(("-mc",) if mc else ()),
            "--config=card.rc",
            "--ind=in/calibrated/*_Y_*.root",
            "--out=out",
        ),
        card=card,
        inputs=inputs,
        outputs=outputs,
        conditions={**conditions, "telescope": telescope, **cleaning_levels(card)},
    )


def cleaning_levels(card: str) -> dict[str, object]:
    """Return the cleaning levels of a card (phe), for the catalog; none where its cleaning has no levels."""
    values = read_text(card)
    found: dict[str, object] = {}
    if values.get("MJStar.MImgCleanStd.CleanMethod") == "NextNeighbour":
        return found
    for number in (1, 2):
        text = values.get(f"MJStar.MImgCleanStd.CleanLevel{number}")
        if text is not None:
            found[f"cleaning_level{number}"] = text
    return found
