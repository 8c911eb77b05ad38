"""superstar: images of both telescopes (``_I_``) to stereo events (``_S_``), one file a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from openmars.core import WARNING, Context, InputError, Option, Program

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from openmars.stereo.geometry import Shower
    from openmars.stereo.match import Pair, Trees

EXIT_EMPTY = 3
COMMON_CONTAINERS = ("MMcCorsikaRunHeader",)
"""Containers of RunHeaders that superstar files have once (ctapipe_io_magic)."""
SECOND_TREES = ("Drive", "Camera", "Starguider", "EffectiveOnTime")
"""Reports of M2 that are kept as well, in trees of these names with _2."""
EMPTY = ("fEnergy", "fEnergyUncertainty", "fEnergyDiscrepancy", "fDispRMS", "fDispDiff2", "fXMax",
         "fPhiBaseLineM1", "fPhiBaseLineM2")  # fmt: skip
"""Members of MStereoPar that stay zero: energy and disp are melibea's; the others' definitions are not public."""
CM = 100.0


def main(ctx: Context) -> int:
    """Join the images of both telescopes and reconstruct the showers."""
    from openmars.core.provenance import card_text, version_columns
    from openmars.io import write_root
    from openmars.stereo.match import check_level, pair_files

    min_size = ctx.env.task("MJSuperStar", "MStereoPar").get_float("MinSize", 0.0)
    paths = [ctx.inputs(ctx.value(name)) for name in ("ind1", "ind2")]
    is_mc = ctx.flag("mc")
    runs = {check_level(path, t, is_mc) for t in (1, 2) for path in paths[t - 1]}
    if not is_mc and len(runs) > 1:
        raise InputError(f"runs {', '.join(map(str, sorted(runs)))}: superstar takes the files of one run")
    pairs = pair_files(*paths)
    alone = len(paths[0]) + len(paths[1]) - 2 * len(pairs)
    if alone:
        ctx.log(f"{alone} of {len(paths[0]) + len(paths[1])} files have no partner and are left out", WARNING)
    output = ctx.output(output_name(ctx.value("outname", ""), pairs[0].first))
    trees = join(pairs)
    events = trees.columns["Events"]
    shower = _reconstruct(events, min_size)
    events |= stereo_columns(events, shower, is_mc)
    n = len(shower.valid)
    ctx.log(f"{output.name}: {n} stereo events of {len(pairs)} pairs of files, {int(shower.valid.sum())} valid")
    rows = len(next(iter(trees.columns["RunTails"].values())))
    version = {name: values.repeat(rows) for name, values in version_columns("superstar").items()}
    trees.columns["RunTails"] |= version
    write_root(output, trees.columns, card_text(ctx))
    if not n:
        ctx.log(f"{output.name}: no stereo event", WARNING)
        return EXIT_EMPTY
    return 0


def output_name(wanted: str, first: Path) -> str:
    """Name of the output: as asked for, or that of the first input without telescope and subrun.

    >>> from pathlib import Path
    >>> output_name("", Path("20210314_M1_05095172.001_I_CrabNebula-W0.40+035.root"))
    '20210314_05095172_S_CrabNebula-W0.40+035.root'
    >>> output_name("GA_za05to35_8_1001_S_w0", Path("x"))
    'GA_za05to35_8_1001_S_w0.root'
    """
    if wanted:
        return wanted if wanted.endswith(".root") else f"{wanted}.root"
    name = re.sub(r"_M[12]_", "_", first.name, count=1).replace("_I_", "_S_", 1)
    return re.sub(r"(\d{8}_\d+)\.\d+(_S_)", r"\1\2", name)


def join(pairs: list[Pair]) -> Trees:
    """Join the trees of all pairs; events are those that both telescopes have, under numbers that match."""
    from openmars.io import open_root
    from openmars.stereo.match import Trees, common_events, suffixed

    out = Trees({})
    number = "MRawEvtHeader.fStereoEvtNumber"
    for pair in pairs:
        files = [open_root(pair.first), open_root(pair.second)]
        events = [file.read("Events") for file in files]
        places = common_events(events[0][number], events[1][number])
        joined: dict[str, Any] = {}
        for telescope in (1, 2):
            kept = {name: values[places[telescope - 1]] for name, values in events[telescope - 1].items()}
            joined |= suffixed(kept, telescope)
        out.add("Events", joined)
        for name in ("RunHeaders", "RunTails", "OriginalMC"):
            if name not in files[0].trees() or name not in files[1].trees():
                continue
            both = [suffixed(file.read(name), t, COMMON_CONTAINERS) for t, file in enumerate(files, 1)]
            lengths = [len(next(iter(columns.values()))) for columns in both]
            if lengths[0] != lengths[1]:
                raise InputError(f"{pair.second}: {lengths[1]} entries in {name}, {lengths[0]} in {pair.first.name}")
            out.add(name, both[0] | both[1])
        for telescope, file in enumerate(files, 1):
            for name in file.trees():
                if name in ("Events", "RunHeaders", "RunTails", "OriginalMC"):
                    continue
                if telescope == 1 or name in SECOND_TREES:
                    out.add(name if telescope == 1 else f"{name}_2", file.read(name))
    return out


def _reconstruct(events: dict[str, np.ndarray], min_size: float) -> Shower:
    """Reconstruct all events; those with an image of no width or below the least size are not valid."""
    from dataclasses import replace

    from openmars.stereo.geometry import Image, reconstruct

    def column(name: str, telescope: int) -> np.ndarray:
        container, member = name.split(".")
        return events[f"{container}_{telescope}.{member}"].astype(float)

    images = [
        Image(
            x=column("MHillas.fMeanX", t),
            y=column("MHillas.fMeanY", t),
            cos=column("MHillas.fCosDelta", t),
            sin=column("MHillas.fSinDelta", t),
            zd=column("MPointingPos.fZd", t) - column("MPointingPos.fDevZd", t),
            az=column("MPointingPos.fAz", t) - column("MPointingPos.fDevAz", t),
        )
        for t in (1, 2)
    ]
    shower = reconstruct(*images)
    good = shower.valid
    for t in (1, 2):
        good = good & (column("MHillas.fWidth", t) > 0) & (column("MHillas.fSize", t) > min_size)
    return replace(shower, valid=good)


def stereo_columns(events: dict[str, np.ndarray], shower: Shower, is_mc: bool) -> dict[str, np.ndarray]:
    """``MStereoPar``: degrees, hours (RA), cm; -1 and ``fValid`` 0 where nothing was reconstructed.

    ``fCoreX`` points to geographic north, ``fCoreY`` to west; ``fMaxHeight`` is above the telescopes. The conventions
    of MARS for these are not public.
    """
    import numpy as np

    from openmars.camera import MM_TO_DEG
    from openmars.stereo.geometry import cherenkov_pool

    radius, density = cherenkov_pool(shower.max_height, shower.zd)
    source_x, source_y = (events[f"MSrcPosCam_1.f{axis}"] * MM_TO_DEG for axis in "XY")
    values = {
        "fDirectionX": shower.x,
        "fDirectionY": shower.y,
        "fDirectionZd": shower.zd,
        "fDirectionAz": shower.az,
        "fTheta2": (shower.x - source_x) ** 2 + (shower.y - source_y) ** 2,
        "fCoreX": shower.core_x * CM,
        "fCoreY": shower.core_y * CM,
        "fM1Impact": shower.impact[0] * CM,
        "fM2Impact": shower.impact[1] * CM,
        "fM1ImpactAz": shower.impact_az[0],
        "fM2ImpactAz": shower.impact_az[1],
        "fMaxHeight": shower.max_height * CM,
        "fCherenkovRadius": radius * CM,
        "fCherenkovDensity": density,
        "fImageAngle": shower.image_angle,
        "fCosBSangle": shower.cos_baseline,
    }
    values["fDirectionRA"], values["fDirectionDec"] = _radec(events, shower, is_mc)
    out = {name: np.where(shower.valid, value, -1.0).astype(np.float32) for name, value in values.items()}
    out |= {name: np.zeros(len(shower.valid), np.float32) for name in EMPTY}
    out["fValid"] = shower.valid.astype(np.int32)
    return {f"MStereoPar.{name}": value for name, value in out.items()}


def _radec(events: dict[str, np.ndarray], shower: Shower, is_mc: bool) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension (h) and declination (deg); zero for Monte Carlo, which has no sky."""
    import numpy as np

    from openmars.io.times import to_mjd
    from openmars.sky.pointing import altaz_to_radec

    if is_mc or not len(shower.valid):
        return np.zeros(len(shower.valid)), np.zeros(len(shower.valid))
    zd, az = np.where(shower.valid, shower.zd, 0.0), np.where(shower.valid, shower.az, 0.0)
    ra, dec = altaz_to_radec(zd, az, to_mjd("MTime_1", events))
    return ra / 15.0, dec


PROGRAM = Program(
    name="superstar",
    summary="join the images of both telescopes to stereo events (_I_ to _S_), all subruns of one run",
    options=(
        Option("--ind1", "star files of M1; quote the pattern", "PATTERN"),
        Option("--ind2", "star files of M2; quote the pattern", "PATTERN"),
        Option("-mc", "the files are Monte Carlo"),
        Option("--outname", "name of the output, with or without .root", "NAME"),
    ),
    main=main,
    default_card="superstar.rc",
)
