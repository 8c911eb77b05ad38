"""star: calibrated files (``_Y_``) to cleaned and described images (``_I_``), one telescope at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openmars.core import WARNING, Context, InputError, Option, Program

if TYPE_CHECKING:
    import numpy as np

    from openmars.imaging.calibrated import Calibrated
    from openmars.imaging.images import CleaningLevels, Images
    from openmars.imaging.neighbours import NextNeighbour
    from openmars.imaging.pixels import NoiseAdder
    from openmars.imaging.pointing import Track

EXIT_NO_STARGUIDER = 7
EXIT_CLEANING = 34
SLICES_PER_NS = 1.639
"""Sampling of the readout, in whose slices the windows of the card are given."""
LOWEST_LEVEL = ((2000.0, 6.0), (3000.0, 7.0), (5000.0, 8.0), (8000.0, 9.0))
"""Median anode current (nA) up to which a first cleaning level (phe) is appropriate, nominal high voltage
(choice of levels in MarsUtil)."""
DEAD_TIME_S = 26e-6
PEDESTAL_PATTERN = 8


class Settings:
    """What the card asks of star."""

    def __init__(self, ctx: Context) -> None:
        from openmars.imaging.images import CleaningLevels
        from openmars.imaging.pixels import NoiseAdder

        env = ctx.env
        clean = env.task("MJStar", "MImgCleanStd")
        method = clean.get_str("CleanMethod", "Absolute").lower()
        if not method or not ("absolute".startswith(method) or method == "nextneighbour"):
            ctx.fail(2, f"MJStar.MImgCleanStd.CleanMethod: {method}; it can be Absolute (levels in phe) or "
                        "NextNeighbour (by the rate of fake images)")  # fmt: skip
        self.levels: CleaningLevels = CleaningLevels(
            picture=clean.get_float("CleanLevel1", 6.0),
            boundary=clean.get_float("CleanLevel2", 3.5),
            max_time_off=clean.get_float("MaxTimeOff", 4.5),
            max_time_diff=clean.get_float("MaxTimeDiff", 1.5),
            threshold_2nn=clean.get_float("SumThresh2NNPerPixel", 1.8),
            threshold_3nn=clean.get_float("SumThresh3NNPerPixel", 1.3),
            threshold_4nn=clean.get_float("SumThresh4NNPerPixel", 1.0),
            window_2nn=clean.get_float("Window2NN", 0.82) / SLICES_PER_NS,
            window_3nn=clean.get_float("Window3NN", 1.15) / SLICES_PER_NS,
            window_4nn=clean.get_float("Window4NN", 1.80) / SLICES_PER_NS,
            clipping=clean.get_float("Clipping", 750.0),
        )
        if not 0 < self.levels.boundary <= self.levels.picture:
            ctx.fail(2, "MJStar.MImgCleanStd: CleanLevel2 is to be above zero and not above CleanLevel1")
        self.neighbours: NextNeighbour | None = _neighbours(ctx) if method == "nextneighbour" else None
        treat = env.task("MJStar", "MBadPixelsTreat")
        self.treat_bad = treat.get_bool("UseInterpolation", True)
        self.pedestals = treat.get_str("PedestalType", "FromExtractorRndm")
        if self.pedestals not in ("Fundamental", "FromExtractor", "FromExtractorRndm"):
            ctx.fail(2, f"MJStar.MBadPixelsTreat.PedestalType: {self.pedestals}; expected Fundamental, "
                        "FromExtractor or FromExtractorRndm")  # fmt: skip
        self.noise: NoiseAdder = NoiseAdder(env)
        if self.noise.used and self.noise.method != 2:
            ctx.fail(2, f"MJStar.MAddNoise.Method: {self.noise.method}; only 2 is known")
        self.starguider = env.get_bool("MJStar.UseStarguider", True)
        env.get_bool("MJStar.CalibStarguider", True)  # the reports are taken as they are
        self.check_cleaning = env.get_bool("MJStar.CheckCleaning", True)
        self.keep_images = ctx.flag("saveimages")
        self.keep_clean = ctx.flag("saveimagesclean")


def _neighbours(ctx: Context) -> NextNeighbour:
    """What the card asks of the next-neighbour cleaning."""
    from openmars.imaging.neighbours import NextNeighbour

    clean = ctx.env.task("MJStar", "MImgCleanStd")
    values = {}
    for key, (name, usual, most) in {
        "FakeRate": ("fake_rate", 0.003, 1.0),
        "FakeRateEdge": ("edge_rate", 0.01, 1.0),
        "CoincidenceWindow": ("window", 3.0, 20.0),
        "TimeResolution": ("resolution", 1.0, 20.0),
        "Clipping": ("clipping", 750.0, 1e6),
    }.items():
        values[name] = clean.get_float(key, usual)
        if not 0 < values[name] <= most:
            ctx.fail(2, f"MJStar.MImgCleanStd.{key} is {values[name]:g}; it is to be above 0 and at most {most:g}")
    if values["resolution"] > values["window"]:
        ctx.fail(2, "MJStar.MImgCleanStd.TimeResolution is to be at most CoincidenceWindow")
    return NextNeighbour(**values)


def main(ctx: Context) -> int:
    """Clean and describe the images of all input files."""
    from openmars.imaging.calibrated import open_calibrated

    settings = Settings(ctx)
    files = [open_calibrated(path) for path in ctx.inputs(ctx.value("ind"))]
    _check_together(ctx, files)
    outputs = [ctx.output(file.output_name) for file in files]
    track = None if files[0].is_mc else _track(files)
    code = 0
    for file, output in zip(files, outputs, strict=True):
        if not file.is_mc and settings.starguider and "Starguider" not in file.trees:
            ctx.log(f"{file.path.name}: no starguider information", WARNING)
            code = code or EXIT_NO_STARGUIDER
        # the other cleaning follows the noise by itself
        levels = settings.check_cleaning and settings.neighbours is None
        if levels and not _appropriate(ctx, file, settings.levels.picture):
            code = EXIT_CLEANING
        trees = _process(ctx, file, settings, track)
        _write(ctx, file, output, trees)
    return code


def _check_together(ctx: Context, files: list[Calibrated]) -> None:
    first = files[0]
    for file in files:
        if file.telescope != first.telescope:
            raise InputError(f"{file.path}: of M{file.telescope}, {first.path.name} of M{first.telescope}; "
                             "star takes the files of one telescope")  # fmt: skip
        if file.is_mc != ctx.flag("mc"):
            kind, word = ("Monte Carlo", "give") if file.is_mc else ("data", "leave out")
            raise InputError(f"{file.path}: the header says it is {kind}; {word} -mc")


def _track(files: list[Calibrated]) -> Track:
    from openmars.imaging.pointing import read_track

    drives = []
    for file in files:
        drive = file.read("Drive") if "Drive" in file.trees else {}
        if not len(drive.get("MReportDrive.fMjd", ())):
            raise InputError(f"{file.path}: no drive reports; run merpp on it first")
        drives.append(drive)
    return read_track(drives)


def _appropriate(ctx: Context, file: Calibrated, level: float) -> bool:
    """Compare the cleaning with the brightness of the sky, where the file knows the currents."""
    import numpy as np

    if file.is_mc or "Camera" not in file.trees:
        return True
    current = float(np.median(file.read("Camera", ["MReportCamera.fMedianDC"])["MReportCamera.fMedianDC"]))
    lowest = next((least for limit, least in LOWEST_LEVEL if current <= limit), LOWEST_LEVEL[-1][1])
    if level >= lowest:
        return True
    ctx.log(
        f"{file.path.name}: median current {current:.0f} nA wants a CleanLevel1 of {lowest}, it is {level}", WARNING
    )
    return False


def _process(ctx: Context, file: Calibrated, settings: Settings, track: Track | None) -> dict[str, dict[str, Any]]:
    """Make the trees of the star file."""
    import numpy as np

    from openmars.imaging.calibrated import EVENT_BRANCHES, shower_events
    from openmars.imaging.columns import image_columns, source_columns

    head = file.read("Events", EVENT_BRANCHES)
    showers = shower_events(file, head)
    charge, time = _pixels(file)
    bad, bad_set = _bad_pixels(file, settings, head, showers)
    if settings.noise.used:
        _add_noise(file, settings, charge, time)
    images = _clean(ctx, file, settings, head, (charge, time), (showers, bad, bad_set))
    described = np.flatnonzero(images.status == 0)
    kept = showers[described]
    counts = np.bincount(images.status, minlength=4)
    ctx.log(f"{file.path.name}: {len(head['MTime.fMjd'])} events, {len(showers)} showers, {counts[0]} images; "
            f"left out: {counts[1]} empty, {counts[2]} with negative charge, {counts[3]} without time gradient"
            )  # fmt: skip
    columns: dict[str, Any] = {name: values[kept] for name, values in head.items()}
    columns |= image_columns(images, described)
    if track is None:
        columns |= _mc_columns(file, kept)
        source = columns.pop("MSrcPosCam.fX").astype(float), columns.pop("MSrcPosCam.fY").astype(float)
    else:
        pointing, source = _pointing(file, settings, track, columns)
        columns |= pointing
    columns |= source_columns(columns, *source)
    if settings.keep_images:
        columns["UprootImageOrig"] = charge[kept]
    if settings.keep_clean and images.masks is not None:
        columns["UprootImageOrigClean"] = np.where(images.masks[described], charge[kept, : images.masks.shape[1]], 0)
    return {"Events": columns} if file.is_mc else {"Events": columns, "EffectiveOnTime": _on_time(head)}


def _clean(
    ctx: Context, file: Calibrated, settings: Settings, head: dict[str, Any], pixels: tuple[np.ndarray, np.ndarray],
    which: tuple[np.ndarray, np.ndarray | None, np.ndarray | None],
) -> Images:  # fmt: skip
    """Clean and describe the showers, as the card wants; `which` are their places and their bad pixels."""
    import numpy as np

    from openmars.imaging.images import describe_images
    from openmars.imaging.neighbours import describe_with_neighbours, noise_of

    speed, keep = file.samples_per_ns, settings.keep_clean
    if settings.neighbours is None:
        return describe_images(*pixels, settings.levels, speed, *which, keep)
    empty = np.flatnonzero(head["MTriggerPattern.fPrescaled"] == PEDESTAL_PATTERN)
    noise = noise_of(*pixels, empty, which[1], file.slices, speed, file.path.name)
    ctx.log(f"{file.path.name}: an empty pixel exceeds {noise.level(0.1):.2f} phe in 10 % of the readouts, "
            f"{noise.level(0.001):.2f} phe in 0.1 %")  # fmt: skip
    return describe_with_neighbours(*pixels, settings.neighbours, noise, speed, file.slices, *which, keep)


def _pixels(file: Calibrated) -> tuple[np.ndarray, np.ndarray]:
    """Charges (phe) and times (slices) of all events: float32 [n, 1183]."""
    import numpy as np

    names = ("MCerPhotEvt.fPixels.fPhot", "MArrivalTime.fData")
    columns = file.read("Events", names)
    for name in names:
        if columns[name].dtype == object:
            raise InputError(f"{file.path}: {name} differs in length from event to event")
    return np.ascontiguousarray(columns[names[0]], np.float32), np.ascontiguousarray(columns[names[1]], np.float32)


def _bad_pixels(
    file: Calibrated, settings: Settings, head: dict[str, Any], showers: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Sets of bad pixels and which of them holds for each shower: the last pedestals before it."""
    import numpy as np

    from openmars.imaging.calibrated import mjd, pedestals
    from openmars.imaging.pixels import dead_pixels, noisy_pixels

    if not settings.treat_bad:
        return None, None
    name = "MBadPixelsCam.fArray.fInfo"
    info = file.read("RunHeaders", [name])[name]
    dead = dead_pixels(info.content if hasattr(info, "content") else np.asarray(info[0]))
    found = pedestals(file, settings.pedestals)
    if found is None:
        return dead[None], None
    times, _, rms = found
    if file.is_mc:
        return noisy_pixels(rms) | dead, None
    before = np.searchsorted(times, mjd(head, "MTime")[showers], side="left") - 1
    return noisy_pixels(rms) | dead, np.maximum(before, 0)


def _add_noise(file: Calibrated, settings: Settings, charge: np.ndarray, time: np.ndarray) -> None:
    from openmars.imaging.calibrated import pedestals

    # mean and rms of what the extractor finds in a pixel without light, as people measure them (see NoiseAdder)
    found = pedestals(file, "FromExtractor")
    if found is None:
        raise InputError(f"{file.path}: no pedestals, so the noise it has is not known; MJStar.UseAddNoise: no")
    _, mean, rms = found
    key = (file.run, file.subrun, file.telescope)
    settings.noise.add(charge, time, mean.mean(axis=0), rms.mean(axis=0), file.slices, key)


def _mc_columns(file: Calibrated, kept: np.ndarray) -> dict[str, Any]:
    """Truth and pointing of Monte Carlo events."""
    from openmars.io import open_root

    wanted = ("MMcEvt.", "MPointingPos.", "MSrcPosCam.")
    names = [name for name in open_root(file.path).branches("Events") if name.startswith(wanted)]
    return {name: values[kept] for name, values in file.read("Events", names).items()}


def _pointing(
    file: Calibrated, settings: Settings, track: Track, columns: dict[str, Any]
) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """``MPointingPos`` of the events of a data file and where the source was in the camera (mm)."""
    import numpy as np

    from openmars.imaging.calibrated import mjd
    from openmars.imaging.pointing import interpolate, pointing_columns, source_in_camera

    at = mjd(columns, "MTime")
    deviation = [np.zeros(len(at)), np.zeros(len(at))]
    if settings.starguider and "Starguider" in file.trees:
        names = [f"MReportStarguider.{name}" for name in ("fMjd", "fDevZd", "fDevAz")]
        report = file.read("Starguider", names)
        if len(report[names[0]]):
            deviation = [interpolate(at, report[names[0]], report[name]) / 60.0 for name in names[1:]]
    place = source_in_camera(track, at, file.source_ra, file.source_dec)
    return pointing_columns(track, at, (deviation[0], deviation[1])), place


def _on_time(head: dict[str, Any]) -> dict[str, np.ndarray]:
    """Observation time of a file from the times between its triggers, all of them, less their dead time (s)."""
    import numpy as np

    on = float(np.sum(head["MRawEvtHeader.fTimeDiff"]))
    dead = DEAD_TIME_S * len(head["MRawEvtHeader.fTimeDiff"])
    return {
        "MEffectiveOnTime.fEffOnTime": np.array([max(on - dead, 0.0)]),
        "MEffectiveOnTime.fOnTime": np.array([on]),
        "MEffectiveOnTime.fNumTriggers": np.array([len(head["MRawEvtHeader.fTimeDiff"])], np.uint32),
    }


def _write(ctx: Context, file: Calibrated, output: Any, trees: dict[str, dict[str, Any]]) -> None:
    """Write the star file with the reports and headers of the calibrated one."""
    from openmars.core.provenance import card_text, version_columns
    from openmars.imaging.calibrated import NOT_CARRIED
    from openmars.io import write_root

    carried = {name: file.read(name) for name in file.trees if name not in NOT_CARRIED}
    heads = {"RunHeaders": file.read("RunHeaders"), "RunTails": file.read("RunTails") | version_columns("star")}
    write_root(output, trees | heads | carried, card_text(ctx))


PROGRAM = Program(
    name="star",
    summary="clean and describe the images of calibrated files (_Y_ to _I_), one telescope at a time",
    options=(
        Option("--ind", "calibrated files of one telescope; quote the pattern", "PATTERN"),
        Option("-mc", "the files are Monte Carlo"),
        Option("-saveimages", "keep the charges of all pixels: branch UprootImageOrig"),
        Option("-saveimagesclean", "keep the charges of the surviving pixels: branch UprootImageOrigClean"),
    ),
    main=main,
    default_card="star_M1_OSA.rc",
)
