"""The plot of the sky map: significance over the field of view, and its distribution away from sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automagic.science import dl3, style
from automagic.science.field import Setup, Spread
from automagic.science.morphology import DETECTED, Found


def draw(
    path: Path,
    maps: dict[str, Any],
    away: Any,
    setup: Setup,
    found: Found,
    spread: Spread,
    title: str,
    files: list[dl3.File],
) -> None:
    """Draw the map with pointings, source, its fitted place and size, and PSF; beside it the distribution."""
    import matplotlib as mpl

    mpl.rcdefaults()
    mpl.rcParams.update(style.RC)
    from matplotlib.figure import Figure

    significance = maps["significance"]
    fig = Figure(figsize=(9.4, 4.5), layout="constrained")
    grid = fig.add_gridspec(1, 2, width_ratios=(1.3, 1))
    sky = fig.add_subplot(grid[0], projection=significance.geom.wcs)
    _sky(fig, sky, maps, setup, found, files)
    sky.set_title(title)
    panel = fig.add_subplot(grid[1])
    _distribution(panel, significance.data, away, spread)
    if files[0].simulated:
        style.mark_simulated(panel)
    style.save(fig, path)


def _sky(fig: Any, sky: Any, maps: dict[str, Any], setup: Setup, found: Found, files: list[dl3.File]) -> None:
    import numpy as np
    from matplotlib.lines import Line2D

    data = maps["significance"].data
    top = max(float(np.nanmax(data)), 5.0)
    image = sky.imshow(data, origin="lower", cmap="magma", vmin=-3, vmax=min(top, 20.0), interpolation="nearest")
    fig.colorbar(image, ax=sky, label="Significance  [σ]", shrink=0.8, pad=0.02)
    icrs = sky.get_transform("icrs")
    pointings = sorted({(round(file.header["RA_PNT"], 2), round(file.header["DEC_PNT"], 2)) for file in files})
    sky.scatter(*zip(*pointings, strict=True), transform=icrs, marker="+", s=60, color="white", lw=1.2)
    sky.scatter([setup.ra], [setup.dec], transform=icrs, marker="x", s=36, color="#5ad1ff", lw=1.2)
    ra, dec, _ = found.place
    sigma = found.model.spatial_model.sigma
    if found.gain > DETECTED:
        _circle(sky, ra, dec, 1.51 * sigma.value, color="#7dff8a", lw=1.4)
    seen = np.argwhere(np.isfinite(data))
    (bottom, left), (top_row, right) = seen.min(axis=0) - 2, seen.max(axis=0) + 2
    sky.set_xlim(left, right)
    sky.set_ylim(bottom, top_row)
    for ra_out, dec_out, radius in setup.excluded:
        _circle(sky, ra_out, dec_out, radius, color="white", lw=0.8, ls=(0, (3, 3)))
    pixel = left + 0.08 * (right - left), bottom + 0.08 * (right - left)
    corner = [each.to_value("deg") for each in maps["significance"].geom.pix_to_coord(pixel)]
    _circle(sky, corner[0], corner[1], found.psf, color=style.INK, lw=1.2)
    sky.set_xlabel("Right ascension (ICRS)")
    sky.set_ylabel("Declination (ICRS)")
    handles = [
        Line2D([], [], marker="+", ls="", color="white", mew=1.2, label="pointings"),
        Line2D([], [], marker="x", ls="", color="#5ad1ff", mew=1.2, label="source, as asked for"),
        Line2D([], [], color="white", lw=0.8, ls=(0, (3, 3)), label="no background from here"),
    ]
    if found.gain > DETECTED:
        handles.append(Line2D([], [], color="#7dff8a", lw=1.4, label="Gaussian, 68 %"))
    handles.append(Line2D([], [], marker="o", ls="", mfc="none", color="white", label="lower left: PSF, 68 %"))
    fig.legend(
        handles=handles, loc="outside lower left", ncol=5, fontsize=8, labelcolor="white", facecolor="#33264d",
        framealpha=1, frameon=True, columnspacing=1.2, handletextpad=0.4,
    )  # fmt: skip


def _circle(sky: Any, ra: float, dec: float, radius: float, **look: Any) -> None:
    from astropy import units as u
    from astropy.visualization.wcsaxes import SphericalCircle

    sky.add_patch(
        SphericalCircle((ra * u.deg, dec * u.deg), radius * u.deg, transform=sky.get_transform("icrs"), fc="none",
                        **{"ec": look.pop("color"), **look})
    )  # fmt: skip


def _distribution(panel: Any, data: Any, away: Any, spread: Spread) -> None:
    import numpy as np

    edges = np.arange(-5.0, max(float(np.nanmax(data)), 5.0) + 0.5, 0.5)
    whole, _ = np.histogram(data[np.isfinite(data)], edges)
    off, _ = np.histogram(data[away], edges)
    panel.stairs(whole, edges, color=style.OFF, fill=True, alpha=0.35, label="all places")
    panel.stairs(off, edges, color=style.INK, lw=1.4, label="away from sources")
    x = np.linspace(-5, 5, 201)
    normal = 0.5 * away.sum() / np.sqrt(2 * np.pi) * np.exp(-0.5 * x**2)
    panel.plot(x, normal, color=style.SIGNAL, lw=1.4, label="normal, mean 0, width 1")
    panel.set_yscale("log")
    panel.set_ylim(0.6, 4 * max(whole.max(), off.max()))
    panel.set_xlim(edges[0], edges[-1])
    panel.set_xlabel("Significance  [σ]")
    panel.set_ylabel("Pixels")
    text = "too few background events\nfor a place to count"
    if spread.circles:
        text = (
            f"away from sources:\nmean {spread.mean:+.2f} ± {spread.mean_error:.2f}\n"
            f"width {spread.width:.2f} ± {spread.width_error:.2f}"
        ).replace("-", "−")
    panel.text(0.97, 0.72, text, transform=panel.transAxes, ha="right", va="top", linespacing=1.5, fontsize=9.5)
    panel.legend(loc="upper right")
