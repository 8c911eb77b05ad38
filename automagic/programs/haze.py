"""``haze``: a run's DL3 file again, with energies and responses corrected for haze."""

from __future__ import annotations

from automagic.analysis import Analysis
from automagic.graph.task import Input, Resources, Task
from automagic.programs import refining
from automagic.programs.base import Setup

WRAPPER = refining.wrapper(
    "haze",
    "correct a run's energies and responses for haze, with the LIDAR's profiles",
    Resources(memory_mb=1500, disk_mb=200, minutes=30),
    exit_codes={3: "the LIDAR did not measure during the run, or the files do not belong together"},
    unknown=(
        "whether the heights of MReportLaser.fTransmission3km to 12km are above the telescopes or the sea (taken: "
        "telescopes), and whether the transmissions are vertical (taken: yes)",
        "the unit of MReportLaser.fCloudLayerAlt (taken: km above the telescopes)",
        "whether EVENT_ID of magic_dl3's files is MRawEvtHeader_1.fStereoEvtNumber (openmars: yes); events without a "
        "partner at the same time end the step",
        "how flute (LIDARRecalib, AeffAtmCorr) weights the heights; here by a mean shower's Cherenkov light",
    ),
)


def values(analysis: Analysis) -> dict[str, object]:
    """Return what ``[atmosphere]`` says, as keys of the card; the rest stays default."""
    asked = {
        "Haze.BinMinutes": analysis.atmosphere.bin_minutes,
        "Haze.GapMinutes": analysis.atmosphere.gap_minutes,
    }
    return {key: value for key, value in asked.items() if value is not None}


def task(
    setup: Setup, analysis: Analysis, what: str, dl3: Input, melibea: Input, conditions: dict[str, object]
) -> Task:
    """Make the task of a run.

    Parameters
    ----------
    setup, analysis
        Overrides; what is asked for.
    what
        The run, ``"05029747"``.
    dl3
        Its file as magic_dl3 made it, role ``"dl3"``.
    melibea
        The file that it was made from.
    conditions
        What the catalog should know.
    """
    return setup.task(
        WRAPPER,
        what,
        arguments=("--config=card.rc", "--ind=in", "--out=out"),
        card=setup.card(WRAPPER, values(analysis)),
        inputs=[dl3, Input("melibea", melibea.name, melibea.task, melibea.path, melibea.checks)],
        outputs=[refining.output(dl3.name, "haze")],
        conditions=conditions,
    )
