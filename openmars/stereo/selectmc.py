"""selectmc: Monte Carlo of superstar (``_S_``) split into a training and a test half.

What MARS' selectmc goes by is not public. Here every second simulated shower goes to the test half, with all its
events, so that the halves are independent, as alike as can be, and each knows how many showers it stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openmars.core import Context, InputError, Option, Program

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

TRAINING, TEST = 1, 2


def main(ctx: Context) -> int:
    """Split the files, and join the halves if asked to."""
    from openmars.stereo.match import Trees

    paths = ctx.inputs(ctx.value("pathMC"))
    joined: dict[int, Trees] = {TRAINING: Trees({}), TEST: Trees({})}
    if ctx.flag("joinmc"):
        outputs = half_names(ctx, ctx.value("outname"))
        for path in paths:
            for half, trees in split(path).items():
                for name, columns in trees.items():
                    joined[half].add(name, columns)
        for half, output in outputs.items():
            _write(ctx, output, joined[half].columns)
        return 0
    for path in paths:
        outputs = half_names(ctx, path.name)
        for half, trees in split(path).items():
            _write(ctx, outputs[half], trees)
    return 0


def half_names(ctx: Context, name: str) -> dict[int, Path]:
    """Paths of the halves of a file: ``…_1.root`` to train, ``…_2.root`` to test."""
    stem = name.removesuffix(".root")
    return {half: ctx.output(f"{stem}_{half}.root") for half in (TRAINING, TEST)}


def split(path: Path) -> dict[int, dict[str, dict[str, Any]]]:
    """Split the showers and events of one file; all other trees go to both halves."""
    import numpy as np

    from openmars.io import open_root

    file = open_root(path)
    if (level := file.level()) != "superstar":
        raise InputError(f"{path}: it is a {level} file; selectmc takes superstar files (_S_)")
    if "OriginalMC" not in file.trees():
        raise InputError(f"{path}: no tree OriginalMC; selectmc takes Monte Carlo")
    trees = {name: file.read(name) for name in file.trees()}
    showers, events = trees["OriginalMC"], trees["Events"]
    half_of_shower, half_of_event = halves(showers, events)
    out = {}
    for half in (TRAINING, TEST):
        part = dict(trees)
        part["Events"] = {name: values[half_of_event == half] for name, values in events.items()}
        part["OriginalMC"] = {name: values[half_of_shower == half] for name, values in showers.items()}
        part["RunHeaders"] = _count(trees["RunHeaders"], int(np.sum(half_of_shower == half)) / len(half_of_shower))
        out[half] = part
    return out


def halves(showers: dict[str, np.ndarray], events: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Half of each shower and of each event.

    Showers that follow each other with the same energy are one shower used again and stay together. An event goes
    with the shower of its energy (a float32 of a continuous spectrum: next to unique).

    Examples
    --------
    >>> import numpy as np
    >>> e = np.array([5, 5, 7, 3, 9], "f4")
    >>> halves({"MMcEvtBasic_1.fEnergy": e}, {"MMcEvt_1.fEnergy": e[[1, 3, 4]]})
    (array([1, 1, 2, 1, 2]), array([1, 1, 2]))
    """
    import numpy as np

    energy = showers["MMcEvtBasic_1.fEnergy"]
    number = np.concatenate([[0], np.cumsum(energy[1:] != energy[:-1])]) if len(energy) else np.empty(0, int)
    half = 1 + number % 2
    order = np.argsort(energy, kind="stable")
    place = np.searchsorted(energy[order], events["MMcEvt_1.fEnergy"])
    shower = order[np.minimum(place, len(order) - 1)] if len(order) else np.empty(0, int)
    if np.any(energy[shower] != events["MMcEvt_1.fEnergy"]):
        raise InputError("OriginalMC does not hold the showers of all events; the file is not whole")
    return half, half[shower]


def _count(headers: dict[str, Any], share: float) -> dict[str, Any]:
    """Headers with the number of simulated showers of a half."""
    import numpy as np

    names = [name for name in headers if name.endswith(".fNumSimulatedShowers")]
    return headers | {name: np.rint(headers[name] * share).astype(headers[name].dtype) for name in names}


def _write(ctx: Context, output: Path, trees: dict[str, dict[str, Any]]) -> None:
    from openmars.core.provenance import card_text, version_columns
    from openmars.io import write_root

    rows = len(next(iter(trees["RunTails"].values())))
    version = {name: values.repeat(rows) for name, values in version_columns("selectmc").items()}
    write_root(output, trees | {"RunTails": trees["RunTails"] | version}, card_text(ctx))
    ctx.log(f"{output.name}: {len(trees['OriginalMC']['MMcEvtBasic_1.fEnergy'])} showers, "
            f"{len(trees['Events']['MMcEvt_1.fEnergy'])} events")  # fmt: skip


PROGRAM = Program(
    name="selectmc",
    summary="split Monte Carlo of superstar into a training (_1) and a test half (_2)",
    options=(
        Option("--pathMC", "superstar files of the Monte Carlo; quote the pattern", "PATTERN"),
        Option("-joinmc", "join all files into one for each half, named by --outname"),
        Option("--outname", "name to which _1 and _2 are added", "NAME"),
    ),
    main=main,
    default_card="",
)
