"""coach: trains the forests and fills the tables that melibea applies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openmars.core import Context, Option, Program, ProgramError

if TYPE_CHECKING:
    import numpy as np

    from openmars.models.forest import Forest, Growth
    from openmars.models.samples import Selection

    Events = dict[str, np.ndarray]

GROWTH = {"Hadronness": (10, 4), "Disp": (5, 7), "Energy": (5, 7)}
"""Fewest events in a leaf, and features tried at each node, unless the card says otherwise."""
FLAGS = ("RFgh", "RFdisp", "LUTs", "RFenStereo")
KIND_HADRONNESS = "hadronness forest"
KIND_DISP = "disp forest of telescope {}"
KIND_ENERGY = "energy forest"


def main(ctx: Context) -> int:
    """Train what the flags ask for."""
    wanted = [flag for flag in FLAGS if ctx.flag(flag)]
    if not wanted:
        raise ProgramError("give at least one of -RFgh, -RFdisp, -LUTs, -RFenStereo; see coach --help")
    selection = _selection(ctx)
    growths = {part: _growth(ctx, part) for part in GROWTH}
    data, name = ctx.env.get_str("RF.data", ""), ctx.env.get_str("RF.outname", "RF")
    out = Path(ctx.env.get_str("RF.outpath", "."))
    gammas = _gammas(ctx, selection)
    if "RFgh" in wanted:
        _hadronness(ctx, gammas, data, selection, growths["Hadronness"], out / f"{name}.root")
    if "RFdisp" in wanted:
        for telescope in (1, 2):
            _disp(ctx, gammas, telescope, growths["Disp"], out / f"disp{telescope}" / "DispRF.root")
    if "LUTs" in wanted:
        _tables(ctx, gammas, out / "Energy_Table.root")
    if "RFenStereo" in wanted:
        _energy(ctx, gammas, growths["Energy"], out / "EnRF_Stereo.root")
    return 0


def _selection(ctx: Context) -> Selection:
    from openmars.models.samples import Selection

    zenith = (ctx.env.get_float("RF.zdmin", 0.0), ctx.env.get_float("RF.zdmax", 90.0))
    if not 0 <= zenith[0] < zenith[1] <= 90:
        raise ProgramError(f"RF.zdmin {zenith[0]:g} and RF.zdmax {zenith[1]:g}: expected 0 <= min < max <= 90")
    return Selection(
        min_size=ctx.env.get_float("RF.MinSize", 50.0),
        max_leakage=ctx.env.get_float("RF.MaxLeakage", 1.0),
        zenith=zenith,
        max_events=ctx.env.get_int("RF.MaxEvents", 20000),
    )


def _growth(ctx: Context, part: str) -> Growth:
    from openmars.models.forest import Growth

    growth = Growth(
        n_trees=ctx.env.get_int(f"RF.{part}.NumTrees", 100),
        min_leaf=ctx.env.get_int(f"RF.{part}.MinLeaf", GROWTH[part][0]),
        max_depth=ctx.env.get_int(f"RF.{part}.MaxDepth", 14),
        n_tries=ctx.env.get_int(f"RF.{part}.NumTries", GROWTH[part][1]),
        seed=ctx.env.get_int("RF.Seed", 1),
    )
    if min(growth.n_trees, growth.min_leaf, growth.max_depth, growth.n_tries) < 1 or growth.seed < 0:
        raise ProgramError(f"RF.{part}: numbers of trees, tries, leaf size and depth must be at least 1")
    return growth


def _gammas(ctx: Context, selection: Selection) -> Events:
    from openmars.models import samples

    pattern = ctx.env.get_str("RF.mcdata", "")
    if not pattern:
        raise ProgramError("RF.mcdata is missing in the card: the training half of the Monte Carlo (pattern)")
    paths = ctx.inputs(pattern)
    samples.refuse_test_half(paths)
    gammas = samples.read(paths, selection, True, "RF.mcdata")
    ctx.log(f"gamma rays: {_count(gammas)} from {len(paths)} files")
    return gammas


def _hadronness(ctx: Context, gammas: Events, pattern: str, selection: Selection, growth: Growth, path: Path) -> None:
    import numpy as np

    from openmars.models import features, samples
    from openmars.models.forest import grow_classifier

    if not pattern:
        raise ProgramError("RF.data is missing in the card: -RFgh needs off data as hadrons (pattern)")
    hadrons = samples.read(ctx.inputs(pattern), selection, False, "RF.data")
    ctx.log(f"hadrons: {_count(hadrons)}")
    both = [features.build(features.HADRONNESS, sample) for sample in (gammas, hadrons)]
    joined = {name: np.concatenate([part[name] for part in both]) for name in features.HADRONNESS}
    truth = np.repeat([False, True], [_count(gammas), _count(hadrons)])
    weight = np.concatenate(samples.balance(gammas, hadrons))
    forest, importance = grow_classifier(joined, truth, weight, growth)
    _save(ctx, forest, importance, path, KIND_HADRONNESS)


def _disp(ctx: Context, gammas: Events, telescope: int, growth: Growth, path: Path) -> None:
    import numpy as np

    from openmars.models import disp, features
    from openmars.models.forest import grow_regressor

    x, y = (gammas[f"MSrcPosCam_{telescope}.f{axis}"] * features.MM_TO_DEG for axis in "XY")
    along, across = disp.axis_position(gammas, telescope, x, y)
    inputs = features.build(features.disp_features(telescope), gammas)
    ahead = along * features.heading(gammas, telescope) > 0
    targets = np.column_stack([np.abs(along), disp.SIDE_WEIGHT * ahead])
    forest, importance = grow_regressor(inputs, targets, np.column_stack([along**2, across**2]), growth)
    _save(ctx, forest, importance, path, KIND_DISP.format(telescope))


def _tables(ctx: Context, gammas: Events, path: Path) -> None:
    import numpy as np

    from openmars.models import features, tables

    log_energy = np.log10(gammas["MMcEvt_1.fEnergy"].astype(float))
    made = {t: tables.fill(features.build(tables.needed(t), gammas), log_energy, t) for t in (1, 2)}
    _prepare(ctx, path)
    tables.save(path, made, _card(ctx))
    ctx.log(f"energy tables of both telescopes -> {path}")


def _energy(ctx: Context, gammas: Events, growth: Growth, path: Path) -> None:
    import numpy as np

    from openmars.models import features
    from openmars.models.forest import grow_regressor

    log_energy = np.log10(gammas["MMcEvt_1.fEnergy"].astype(float))
    inputs = features.build(features.ENERGY, gammas)
    rest = log_energy - mean_log_size(inputs)
    forest, importance = grow_regressor(inputs, rest[:, None], (rest**2)[:, None], growth)
    _save(ctx, forest, importance, path, KIND_ENERGY)


def mean_log_size(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Mean logarithm of both sizes: the energy forest learns how much more log10(energy / GeV) is."""
    return (inputs["log_size_1"].astype(float) + inputs["log_size_2"]) / 2


def _save(ctx: Context, forest: Forest, importance: dict[str, float], path: Path, kind: str) -> None:
    _prepare(ctx, path)
    forest.save(path, kind, _card(ctx))
    ctx.log(f"{kind}: {forest.n_trees} trees, {len(forest.feature)} nodes -> {path}")
    for name, share in sorted(importance.items(), key=lambda item: -item[1]):
        ctx.log(f"  {name:<20} {100 * share:5.1f} %")


def _prepare(ctx: Context, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not ctx.flag("f"):
        raise ProgramError(f"{path}: exists; give -f to overwrite it")


def _card(ctx: Context) -> str:
    """Give what was looked up in the card, without the names of files: the same training, the same bytes."""
    paths = ("RF.mcdata", "RF.data", "RF.outpath", "RF.outname")
    return "".join(f"{key}: {value}\n" for key, value in ctx.env.looked_up.items() if key not in paths)


def _count(events: Events) -> int:
    return len(events["MHillas_1.fSize"])


PROGRAM = Program(
    name="coach",
    summary="train forests and fill tables with superstar files of Monte Carlo and of off data",
    options=(
        Option("-RFgh", "gamma/hadron forest: RF.root (needs RF.data)"),
        Option("-RFdisp", "disp forests: disp1/DispRF.root, disp2/DispRF.root"),
        Option("-LUTs", "energy look-up tables: Energy_Table.root"),
        Option("-RFenStereo", "energy forest: EnRF_Stereo.root"),
    ),
    main=main,
    default_card="coach.rc",
)
