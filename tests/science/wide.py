"""DL3 runs over the whole field of view, made up from simple responses, a source anywhere, and background."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TARGET = (83.63333, 22.01444)
POINTINGS = ((83.98333, 22.24389), (83.27917, 21.78389))
"""Two wobbles, 0.4 deg from the target."""
OFFSETS = np.arange(8) * 0.2
"""Edges of the bins of offset, deg."""
PSF = 0.06
"""Sigma of the PSF in each coordinate, deg."""
AMPLITUDE, INDEX = 3.0e-11, 2.5
"""Of the source's power law at 1 TeV, TeV-1 cm-2 s-1."""


def area_cm2(energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Effective area: a plateau that falls with the offset."""
    return 1e9 / (1 + (0.15 / energy) ** 2.5) * np.exp(-0.5 * (offset / 0.9) ** 2)


def background(energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Background in s-1 TeV-1 sr-1."""
    return 15.0 * energy**-2.7 * np.exp(-0.5 * (offset / 0.8) ** 2)


def _irfs():
    from astropy import units as u
    from gammapy.irf import PSF3D, Background2D, EffectiveAreaTable2D, EnergyDispersion2D
    from gammapy.maps import MapAxis

    true = MapAxis.from_energy_bounds(0.05, 50, nbin=7, per_decade=True, unit="TeV", name="energy_true")
    reco = MapAxis.from_energy_edges(np.geomspace(0.1, 31.6, 16), unit="TeV", name="energy")
    offset = MapAxis.from_edges(OFFSETS, unit="deg", name="offset")
    migra = MapAxis.from_edges(np.linspace(0.2, 1.8, 81), name="migra")
    rad = MapAxis.from_edges(np.linspace(0, 0.4, 41), unit="deg", name="rad")
    shape = np.exp(-0.5 * ((migra.center.value - 1) / 0.15) ** 2)
    shape /= shape.sum() * migra.bin_width
    e, o = true.center.value[:, None], offset.center.value[None]
    width = np.radians(PSF)
    density = np.exp(-0.5 * (rad.center.value / PSF) ** 2) / (2 * np.pi * width**2)
    r, b = reco.center.value[:, None], offset.center.value[None]
    return (
        EffectiveAreaTable2D(axes=[true, offset], data=area_cm2(e, o) * u.cm**2),
        EnergyDispersion2D(
            axes=[true, migra, offset],
            data=np.broadcast_to(shape[None, :, None], (true.nbin, migra.nbin, offset.nbin)) * u.one,
        ),
        PSF3D(
            axes=[true, offset, rad],
            data=np.broadcast_to(density, (true.nbin, offset.nbin, rad.nbin)) * u.Unit("sr-1"),
        ),
        Background2D(axes=[reco, offset], data=(background(r, b) * u.Unit("s-1 TeV-1 sr-1")).to("s-1 MeV-1 sr-1")),
    )


def _offset(place, distance, angle):
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    at = SkyCoord(*place, unit="deg").directional_offset_by(angle * u.rad, distance * u.deg)
    return at.ra.deg, at.dec.deg


def write_run(
    path: Path,
    obs_id: int,
    *,
    seed: int,
    source: tuple[float, float],
    sigma: float = 0.0,
    amplitude: float = AMPLITUDE,
    seconds: float = 1200.0,
    darkness: float = 1.0,
) -> None:
    """Write a run: a source with a Gaussian of `sigma` (deg) at `source`, and `darkness` times the background."""
    from astropy.coordinates import SkyCoord
    from astropy.io import fits

    rng = np.random.default_rng(seed)
    pointing = POINTINGS[obs_id % 2]
    aeff, edisp, psf, bkg = _irfs()
    grid = np.geomspace(0.1, 40, 2000)
    expected = amplitude * grid**-INDEX * area_cm2(grid, 0.0) * seconds * np.gradient(grid)
    energy = np.repeat(grid, rng.poisson(expected))
    n = len(energy)
    # where each comes from, and whether it is seen from there; then where it seems to come from
    ra, dec = _offset(source, sigma * np.sqrt(-2 * np.log(rng.random(n))), 2 * np.pi * rng.random(n))
    far = SkyCoord(*pointing, unit="deg").separation(SkyCoord(ra, dec, unit="deg")).deg
    seen = rng.random(n) < area_cm2(1.0, far) / area_cm2(1.0, 0.0)
    n, energy = int(seen.sum()), energy[seen] * (1 + 0.15 * rng.standard_normal(int(seen.sum())).clip(-5, 5))
    ra, dec = _offset((ra[seen], dec[seen]), PSF * np.sqrt(-2 * np.log(rng.random(n))), 2 * np.pi * rng.random(n))
    # background: uniform in the disc, kept as its rate falls with the offset
    rate = 15.0 * (0.1**-1.7) / 1.7 * np.radians(1.4) ** 2 * np.pi * darkness
    n = rng.poisson(rate * seconds)
    away = 1.4 * np.sqrt(rng.random(n))
    away = away[rng.random(n) < np.exp(-0.5 * (away / 0.8) ** 2)]
    other = _offset(pointing, away, 2 * np.pi * rng.random(len(away)))
    ra, dec = np.append(ra, other[0]), np.append(dec, other[1])
    energy = np.append(energy, 0.1 * (1 - rng.random(len(away))) ** (-1 / 1.7))
    start = 333778852.0 + 2000 * obs_id
    clock = {"MJDREFI": 52706, "MJDREFF": 0.0, "TIMEUNIT": "s", "TIMESYS": "UTC", "TIMEREF": "local"}
    events = fits.BinTableHDU.from_columns(
        [
            fits.Column("EVENT_ID", "1K", array=np.arange(len(energy))),
            fits.Column("TIME", "1D", unit="s", array=start + seconds * np.sort(rng.random(len(energy)))),
            fits.Column("RA", "1D", unit="deg", array=ra),
            fits.Column("DEC", "1D", unit="deg", array=dec),
            fits.Column("ENERGY", "1E", unit="TeV", array=energy),
        ],
        name="EVENTS",
    )
    events.header.update(
        {
            "HDUCLASS": "GADF", "HDUCLAS1": "EVENTS", "OBS_ID": obs_id, "TSTART": start, "TSTOP": start + seconds,
            "ONTIME": seconds, "LIVETIME": seconds, "DEADC": 1.0, "OBJECT": "Target", "OBS_MODE": "POINTING",
            "RA_OBJ": TARGET[0], "DEC_OBJ": TARGET[1], "RA_PNT": pointing[0], "DEC_PNT": pointing[1],
            "GEOLON": -17.89, "GEOLAT": 28.76, "ALTITUDE": 2231.0, "ALT_PNT": 75.0, "AZ_PNT": 110.0,
            "TELESCOP": "MAGIC", "INSTRUME": "MAGIC stereo", **clock,
        }
    )  # fmt: skip
    gti = fits.BinTableHDU.from_columns(
        [
            fits.Column("START", "1D", unit="s", array=[start]),
            fits.Column("STOP", "1D", unit="s", array=[start + seconds]),
        ],
        name="GTI",
    )
    gti.header.update({"HDUCLASS": "GADF", "HDUCLAS1": "GTI", **clock})
    tables = [each.to_table_hdu() for each in (aeff, edisp, psf, bkg)]
    names = ("EFFECTIVE AREA", "ENERGY DISPERSION", "PSF", "BKG")
    for table, name in zip(tables, names, strict=True):
        table.name = name
        table.header["HDUCLAS3"] = "FULL-ENCLOSURE"
    fits.HDUList([fits.PrimaryHDU(), events, gti, *tables]).writeto(path)
