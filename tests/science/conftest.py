"""DL3 runs made up from simple responses and a known spectrum, and the two real ones where they are."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from automagic.science import STEPS
from automagic.science.settings import Settings

RA, DEC = 83.63333, 22.01444
POINTINGS = ((83.98333, 22.24389), (83.27917, 21.78389))
CARD = {
    "Source.Name": "Test source",
    "Source.RA": str(RA),
    "Source.Dec": str(DEC),
    "FluxPoints.PerDecade": "1",
}


@pytest.fixture(scope="session")
def real_dl3() -> Path:
    """Folder with the two runs that Gammapy publishes."""
    beside = Path(__file__).parents[2].parent / "shared/data/magic_dl3"
    for folder in (os.environ.get("AUTOMAGIC_DATA"), beside):
        if folder and list(Path(folder).glob("*_DL3_*.fits")):
            return Path(folder)
    pytest.skip(f"no real DL3 files: neither in $AUTOMAGIC_DATA nor in {beside}")


def _crab_like(energy_tev: np.ndarray) -> np.ndarray:
    """Differential flux in cm-2 s-1 TeV-1: log-parabola with natural logarithm."""
    return 3.2e-11 * energy_tev ** (-2.47 - 0.104 * np.log(energy_tev))


def _write_run(
    path: Path,
    obs_id: int,
    *,
    seed: int,
    flux: Callable[[np.ndarray], np.ndarray] = _crab_like,
    seconds: float = 1200.0,
    start: float = 333778852.0,
    background: float = 25.0,
    full_enclosure: bool = False,
    rad_max: bool = True,
    light: float = 1.0,
    assumed: float | None = None,
) -> None:
    """Write a DL3 file with events drawn from a spectrum.

    `flux` is in cm-2 s-1 TeV-1, `background` in events per s and deg² above 0.05 TeV, falling as E^-2.7. The effective
    area rises as a power law to a plateau; 15 % energy resolution; within RAD_MAX all of the signal. For full
    enclosure the PSF is a Gaussian of 0.05 deg. The telescopes see `light` of each shower's light; the Monte Carlo has
    them see `assumed` of it, the same where not given: energies and effective area are those that it would give.
    """
    from astropy import units as u
    from astropy.io import fits
    from gammapy.irf import PSF3D, EffectiveAreaTable2D, EnergyDispersion2D, RadMax2D
    from gammapy.maps import MapAxis

    rng = np.random.default_rng(seed)
    true = MapAxis.from_energy_bounds(0.01, 100, nbin=7, per_decade=True, unit="TeV", name="energy_true")
    reco = MapAxis.from_energy_edges(np.geomspace(0.01, 100, 21), unit="TeV", name="energy")
    offset = MapAxis.from_edges([0.39, 0.41], unit="deg", name="offset")
    migra = MapAxis.from_edges(np.linspace(0.2, 1.8, 81), name="migra")

    assumed = light if assumed is None else assumed

    def area_cm2(energy: np.ndarray, seen: float) -> np.ndarray:
        return 1e9 / (1 + (0.15 / (seen * energy)) ** 2.5)

    aeff = EffectiveAreaTable2D(
        axes=[true, offset],
        data=area_cm2(true.center.value, assumed)[:, None] * u.cm**2,
        is_pointlike=not full_enclosure,
    )
    shape = np.exp(-0.5 * ((migra.center.value - 1) / 0.15) ** 2)
    shape /= shape.sum() * migra.bin_width
    edisp = EnergyDispersion2D(
        axes=[true, migra, offset],
        data=np.broadcast_to(shape[None, :, None], (true.nbin, migra.nbin, 1)) * u.one,
        is_pointlike=not full_enclosure,
    )
    cut = np.where(reco.center.value < 0.16, 0.2, 0.1)
    # signal
    grid = np.geomspace(0.02, 60, 2000)
    expected = flux(grid) * area_cm2(grid, light) * seconds * np.gradient(grid)
    energy = np.repeat(grid, rng.poisson(expected))
    energy = energy * (light / assumed) * (1 + 0.15 * rng.standard_normal(len(energy)).clip(-5, 5))
    if full_enclosure:
        angle = 0.05 * np.sqrt(-2 * np.log(rng.random(len(energy))))
    else:
        angle = 0.09 * np.sqrt(rng.random(len(energy)))
    turn = 2 * np.pi * rng.random(len(energy))
    pointing = POINTINGS[obs_id % 2]
    ra = RA + angle * np.cos(turn) / np.cos(np.radians(DEC))
    dec = DEC + angle * np.sin(turn)
    # background over a disc of 1 deg
    number = rng.poisson(background * 1e-2 * np.pi * seconds)
    far, around = np.sqrt(rng.random(number)), 2 * np.pi * rng.random(number)
    ra = np.append(ra, pointing[0] + far * np.cos(around) / np.cos(np.radians(pointing[1])))
    dec = np.append(dec, pointing[1] + far * np.sin(around))
    energy = np.append(energy, 0.05 * (1 - rng.random(number)) ** (-1 / 1.7))

    clock = {"MJDREFI": 52706, "MJDREFF": 0.0, "TIMEUNIT": "s", "TIMESYS": "UTC", "TIMEREF": "local"}
    events = fits.BinTableHDU.from_columns(
        [
            fits.Column("EVENT_ID", "1K", array=np.arange(len(energy))),
            fits.Column("TIME", "1D", unit="s", array=start + seconds * np.sort(rng.random(len(energy)))),
            fits.Column("RA", "1E", unit="deg", array=ra),
            fits.Column("DEC", "1E", unit="deg", array=dec),
            fits.Column("ENERGY", "1E", unit="TeV", array=energy),
        ],
        name="EVENTS",
    )
    events.header.update(
        {
            "HDUCLASS": "GADF",
            "HDUCLAS1": "EVENTS",
            "OBS_ID": obs_id,
            "TSTART": start,
            "TSTOP": start + seconds,
            "ONTIME": seconds,
            "LIVETIME": seconds,
            "DEADC": 1.0,
            "TELESCOP": "MAGIC",
            "OBJECT": "Test source",
            "RA_OBJ": RA,
            "DEC_OBJ": DEC,
            "OBS_MODE": "POINTING",
            "RA_PNT": pointing[0],
            "DEC_PNT": pointing[1],
            "GEOLON": -17.89,
            "GEOLAT": 28.761944,
            "ALTITUDE": 2231.28,
            "ALT_PNT": 69.7,
            "AZ_PNT": 103.9,
            **clock,
        }
    )
    gti = fits.BinTableHDU.from_columns(
        [
            fits.Column("START", "1D", unit="s", array=[start]),
            fits.Column("STOP", "1D", unit="s", array=[start + seconds]),
        ],
        name="GTI",
    )
    gti.header.update({"HDUCLASS": "GADF", "HDUCLAS1": "GTI", **clock})
    hdus = [fits.PrimaryHDU(), events, gti]
    irfs = {"EFFECTIVE AREA": aeff, "ENERGY DISPERSION": edisp}
    if full_enclosure:
        rad = MapAxis.from_edges(np.linspace(0, 0.5, 251), unit="deg", name="rad")
        density = np.exp(-0.5 * (rad.center.value / 0.05) ** 2) / (2 * np.pi * np.radians(0.05) ** 2)
        wide = MapAxis.from_edges([0.0, 0.8], unit="deg", name="offset")
        irfs["PSF"] = PSF3D(
            axes=[true, wide, rad], data=np.broadcast_to(density, (true.nbin, 1, rad.nbin)) * u.Unit("sr-1")
        )
    elif rad_max:
        irfs["RAD_MAX"] = RadMax2D(axes=[reco, offset], data=cut[:, None] * u.deg)
    for name, irf in irfs.items():
        hdu = irf.to_table_hdu(format="gadf-dl3")
        hdu.name = name
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)


@pytest.fixture(scope="session")
def fake_dl3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with four runs of a constant source in two nights."""
    folder = tmp_path_factory.mktemp("dl3")
    for index in range(4):
        start = 333778852.0 + 1300 * index + 86400 * (index // 2)
        _write_run(
            folder / f"20131004_0500000{index}_DL3_Test-W0.40+035.fits", 5000000 + index, seed=index, start=start
        )
    return folder


@pytest.fixture(scope="session")
def write_run() -> Callable[..., None]:
    """Write one made-up run; see `_write_run`."""
    return _write_run


@pytest.fixture(scope="session")
def crab_like() -> Callable[[np.ndarray], np.ndarray]:
    """The spectrum of the made-up runs."""
    return _crab_like


@pytest.fixture(scope="session")
def made(fake_dl3: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with what all steps make of the four runs."""
    out = tmp_path_factory.mktemp("out")
    for step in STEPS:
        if step == "skymap":  # for the whole field of view
            continue
        list(importlib.import_module(f"automagic.science.{step}").run(Settings(step, CARD), fake_dl3, out))
    return out
