"""Maps of the field of view: where is a signal, is the background right elsewhere, how large is the source?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.science import dl3, field, models, morphology, numbers, skymap_plot
from automagic.science.settings import Settings
from automagic.science.spectrum import write_models


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``skymap.fits``, ``skymap.yaml``, ``skymap.json`` and ``skymap.png``."""
    name = settings.text("Source.Name")
    setup = field.Setup.read(settings)
    fit_radius = settings.number("SkyMap.FitRadius", above=2 * setup.correlation, maximum=2)
    model = models.sky_model(settings)
    files = dl3.find(ind)
    data = field.datasets(setup, files)
    maps = field.significance(setup, data)
    away = field.away(setup, maps)
    found = morphology.fit(data, model, setup, fit_radius)

    _write_maps(out / "skymap.fits", maps)
    write_models(out / "skymap.yaml", [found.model])
    spread = field.spread_of(maps, away, setup)
    results = [*_results(setup, maps, spread), *morphology.results(found, setup)]
    numbers.write(
        out / "skymap.json",
        results,
        source=name,
        simulated=files[0].simulated,
        background="mean of the runs' BKG, each scaled to its run; ring",
        excluded=[list(each) for each in setup.excluded],
        runs=[file.obs_id for file in files],
    )
    title = f"{name}, {len(files)} run{'s' if len(files) > 1 else ''}"
    skymap_plot.draw(out / "skymap.png", maps, away, setup, found, spread, title, files)
    elsewhere = "too few background events elsewhere to judge by"
    if spread.circles:
        elsewhere = (
            f"elsewhere mean {spread.mean:.2f} ± {spread.mean_error:.2f}, "
            f"width {spread.width:.2f} ± {spread.width_error:.2f}"
        )
    yield f"{_at(maps['significance'], setup.ra, setup.dec):.1f} sigma at the source; {elsewhere}"
    yield found.sentence()


def _write_maps(path: Path, maps: dict[str, Any]) -> None:
    """Write all maps as images of one file, without dates."""
    from astropy.io import fits

    hdus = [fits.PrimaryHDU()]
    for name, each in maps.items():
        image = each.geom.wcs.to_header()
        hdu = fits.ImageHDU(each.data.astype("float32"), name=name.upper())
        hdu.header.update(image)
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path, overwrite=True)


def _at(each: Any, ra: float, dec: float) -> float:
    from astropy.coordinates import SkyCoord

    return float(each.get_by_coord(SkyCoord(ra, dec, unit="deg"))[0])


def _results(setup: field.Setup, maps: dict[str, Any], spread: field.Spread) -> list[dict[str, Any]]:
    """Return the numbers of the maps: at the source, at the brightest place, away from both."""
    import numpy as np

    significance = maps["significance"]
    if not np.isfinite(significance.data).any():
        raise UserError("no place of the map has events and a background", hint="Lower SkyMap.EnergyMin, or add runs.")
    brightest = np.unravel_index(np.nanargmax(significance.data), significance.data.shape)
    at = significance.geom.pix_to_coord(brightest[::-1])
    number = numbers.result
    return [
        number("skymap.significance", _at(significance, setup.ra, setup.dec), unit="sigma"),
        number("skymap.counts", _at(maps["counts"], setup.ra, setup.dec)),
        number("skymap.background", _at(maps["background"], setup.ra, setup.dec)),
        number("skymap.excess", _at(maps["excess"], setup.ra, setup.dec)),
        number("skymap.brightest_significance", float(significance.data[brightest]), unit="sigma"),
        number("skymap.brightest_ra", float(at[0].to_value("deg")), unit="deg"),
        number("skymap.brightest_dec", float(at[1].to_value("deg")), unit="deg"),
        number("skymap.off_mean", spread.mean, spread.mean_error, "sigma"),
        number("skymap.off_width", spread.width, spread.width_error, "sigma"),
        number("skymap.off_circles", round(spread.circles, 1)),
    ]
