"""Analysis of data taken under moonlight."""

from automagic.kinds.base import Default, Kind

MOON = Kind(
    name="moon",
    summary="data under moonlight, each level of brightness with a cleaning, Monte Carlo and forests of its own",
    limits=(
        Default("hv", ("nominal", "reduced"), "moonlight is observed with either (arXiv:1704.00906)"),
        Default("nsb", (0.0, 18.0), "to the end of catalog/nsb_levels.csv without filters"),
    ),
    steps=("theta2", "spectrum", "lightcurve", "levels"),
)
