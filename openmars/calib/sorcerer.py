"""sorcerer: raw files (``_D_``) to calibrated ones (``_Y_``), and with ``-c`` the constants that this takes.

The signal is the largest sum of 5 slices (3 ns), the conversion that of the F-factor method; the public descriptions
of MARS' sorcerer say as much. Its card and most of its command line are not public.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openmars.core import ERROR, WARNING, Context, InputError, Option, Program

if TYPE_CHECKING:
    from openmars.calib.constants import Constants
    from openmars.calib.extraction import Extractor
    from openmars.calib.ffactor import Rules
    from openmars.calib.interleaved import Interleaved
    from openmars.calib.subrun import Subrun
    from openmars.io.raw import RawReader

EXIT_TOO_FEW = 2
"""Too few interleaved events (on-site analysis of MAGIC); the files are there all the same."""


def main(ctx: Context) -> int:
    """Compute constants, or calibrate data."""
    from openmars.calib.extraction import Extractor
    from openmars.calib.ffactor import Rules
    from openmars.calib.interleaved import Interleaved

    extractor, rules = Extractor.of(ctx.env), Rules.of(ctx.env)
    interleaved = Interleaved.of(ctx.env)
    most = ctx.env.get_int("MJSorcerer.MaxEvents", 5000)
    least = ctx.env.get_int("MJSorcerer.MinConstantsEvents", 100)
    if most < 2:
        ctx.fail(2, f"MJSorcerer.MaxEvents: {most}; at least 2 are needed")
    if ctx.flag("c"):
        return _constants(ctx, extractor, rules, most, least)
    return _data(ctx, extractor, rules, interleaved)


def _constants(ctx: Context, extractor: Extractor, rules: Rules, most: int, least: int) -> int:
    """The pass ``-c``."""
    from openmars.calib.constants import write_constants
    from openmars.calib.ffactor import STATUS_NAMES
    from openmars.calib.passes import constants_of
    from openmars.calib.rawfiles import check_together, open_files

    pedestal = open_files(ctx.inputs(ctx.value("ped")), "P", extractor)
    calibration = open_files(ctx.inputs(ctx.value("cal")), "C", extractor)
    check_together(pedestal[0], calibration[0])
    output = ctx.output(f"scalib{calibration[0].info.run:08d}_M{calibration[0].info.telescope}.root")
    found = constants_of(pedestal, calibration, extractor, rules, most)
    write_constants(output, found, calibration[0].info, _texts(ctx, calibration[0]))
    ctx.log(f"{output.name}: {found.phe:.1f} photo-electrons a pulse, {found.factor[found.good].mean():.5f} a word")
    for bit, what in STATUS_NAMES.items():
        bad = [str(p) for p in range(len(found.status)) if found.status[p] & bit]
        if bad:
            ctx.log(f"{len(bad)} pixels {what}: {' '.join(bad)}")
    if min(found.pedestal_events, found.calibration_events) < least:
        ctx.log(f"{found.pedestal_events} pedestal and {found.calibration_events} calibration events; "
                f"the card wants {least} of each (MJSorcerer.MinConstantsEvents)", ERROR)  # fmt: skip
        return EXIT_TOO_FEW
    return 0


def _data(ctx: Context, extractor: Extractor, rules: Rules, interleaved: Interleaved) -> int:
    """The data pass: all subruns that match ``--ind``, usually one."""
    from openmars.calib.constants import read_constants
    from openmars.calib.rawfiles import open_files
    from openmars.calib.subrun import Subrun
    from openmars.calib.summary import write_summary

    files = open_files(ctx.inputs(ctx.value("ind")), "D", extractor)
    path = Path(ctx.value("constants"))
    constants = read_constants(path)
    _check_constants(path, constants, files[0], extractor)
    info = files[0].info
    outputs = [ctx.output(file.path.name.replace("_D_", "_Y_")) for file in files]
    summary = ctx.output(f"ssignal{info.run:08d}_M{info.telescope}.root")
    subruns = [Subrun(file, constants, extractor, rules, interleaved) for file in files]
    for subrun, output in zip(subruns, outputs, strict=True):
        _calibrate(ctx, subrun, output)
    write_summary(summary, subruns, _texts(ctx, files[0]))
    return 0 if all(subrun.enough for subrun in subruns) else EXIT_TOO_FEW


def _check_constants(path: Path, constants: Constants, data: RawReader, extractor: Extractor) -> None:
    info = data.info
    if constants.telescope != info.telescope:
        raise InputError(f"{path}: constants of M{constants.telescope}, {data.path.name} is of M{info.telescope}")
    if constants.day != info.day:
        raise InputError(
            f"{path}: constants of the night MJD {constants.day}, {data.path.name} is of {info.day}; "
            "take a calibration run of the same night"
        )
    if constants.window != extractor.window:
        raise InputError(
            f"{path}: constants for windows of {constants.window} slices, the card has {extractor.window}; "
            "run sorcerer -c with this card"
        )


def _calibrate(ctx: Context, subrun: Subrun, output: Path) -> None:
    """Write the calibrated file of a subrun."""
    import numpy as np

    from openmars.io.calibrated import CalibratedWriter, pedestals_over_time

    info, texts = subrun.reader.info, _texts(ctx, subrun.reader)
    with CalibratedWriter(output, info) as out:
        subrun.calibrate(out)
        if not out.n_events:
            raise InputError(f"{subrun.reader.path}: it has no events to calibrate")
        tree = pedestals_over_time(
            info.day,
            np.array([each.seconds for each in subrun.pedestals]),
            np.array([each.mean for each in subrun.pedestals]),
            np.array([each.rms for each in subrun.pedestals]),
        )
        simulated = "simulated" in subrun.reader.texts
        out.finish({"Pedestals": tree}, texts=texts, bad_pixels=subrun.status != 0, simulated=simulated)
    for message in subrun.messages:
        ctx.log(f"{subrun.reader.path.name}: {message}", WARNING)
    ctx.log(f"{output.name}: {out.n_events} events, {np.count_nonzero(subrun.status)} bad pixels; interleaved: "
            f"{subrun.n_pedestals} pedestal, {subrun.n_calibrations} calibration events")  # fmt: skip
    if not subrun.enough:
        card = subrun.card
        ctx.log(f"{subrun.reader.path.name}: too few interleaved events: {subrun.n_pedestals} pedestal (the card wants "
                f"{card.pedestals_least}), {subrun.n_calibrations} calibration ({card.calibrations_least})",
                ERROR)  # fmt: skip


def _texts(ctx: Context, reader: RawReader) -> dict[str, str]:
    """What an output says about its making."""
    from openmars.core.provenance import card_text

    simulated = reader.texts.get("simulated")
    own = card_text(ctx) | {"CommandLine": " ".join([ctx.program, *ctx.arguments])}
    return own if simulated is None else own | {"simulated": simulated}


PROGRAM = Program(
    name="sorcerer",
    summary="calibrate raw files (_D_ to _Y_); with -c compute the constants that this takes",
    options=(
        Option("-c", "compute constants from --ped and --cal"),
        Option("--ped", "pedestal files of one telescope (with -c); quote the pattern", "PATTERN"),
        Option("--cal", "calibration files of the same telescope and night (with -c)", "PATTERN"),
        Option("--ind", "raw data files of one run and telescope; quote the pattern", "PATTERN"),
        Option("--constants", "file of constants: scalib<run>_M<t>.root", "FILE"),
    ),
    main=main,
    default_card="sorcerer.rc",
)
