"""Applies what coach made to the events of a superstar file: hadronness, direction, energy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from openmars.models import disp, features, tables
from openmars.models.coach import KIND_DISP, KIND_ENERGY, KIND_HADRONNESS, mean_log_size
from openmars.models.forest import Forest
from openmars.models.samples import good_images

Columns = dict[str, np.ndarray]

INVALID = -1.0
"""Hadronness and energy of events that cannot be reconstructed (energies below zero are known to mean that)."""


@dataclass
class Models:
    """What coach made, as far as asked for."""

    hadronness: Forest | None = None
    disp: dict[int, Forest] = field(default_factory=dict)
    energy_tables: dict[int, tables.EnergyTable] = field(default_factory=dict)
    energy_forest: Forest | None = None

    @classmethod
    def load(
        cls,
        hadronness: Path | None,
        disp: dict[int, Path],
        energy_tables: Path | None,
        energy_forest: Path | None,
    ) -> Models:
        """Read the files of those that are given."""
        return cls(
            Forest.load(hadronness, KIND_HADRONNESS) if hadronness else None,
            {telescope: Forest.load(path, KIND_DISP.format(telescope)) for telescope, path in disp.items()},
            tables.load(energy_tables) if energy_tables else {},
            Forest.load(energy_forest, KIND_ENERGY) if energy_forest else None,
        )

    def apply(self, events: Columns, min_size: float, zenith: tuple[float, float]) -> Columns:
        """Give the new branches for these events.

        Parameters
        ----------
        events : dict of ndarray
            Branches of the tree ``Events`` of a superstar file.
        min_size : float
            Events with a smaller image (phe) are invalid.
        zenith : tuple of float
            Range of the models, deg; outside of it events are invalid.
        """
        good = good_images(events, min_size)
        good &= (events["MPointingPos_1.fZd"] >= zenith[0]) & (events["MPointingPos_1.fZd"] <= zenith[1])
        images = {name: events[name][good] for name in features.BRANCHES}
        new: Columns = {}
        if self.disp:
            new |= self._direction(images, events, good)
        if self.hadronness:
            value = _walk(self.hadronness, images)[:, 0]
            new["MHadronness.fHadronness"] = _spread_out(value, good, INVALID)
        new |= self._energy(images, good)
        return new

    def _direction(self, images: Columns, events: Columns, good: np.ndarray) -> Columns:
        one, two = (disp.Candidates.of(images, t, _walk(self.disp[t], images)) for t in (1, 2))
        x, y, distance2 = disp.combine(one, two)
        new = {
            f"MStereoParDisp.{name.partition('.')[2]}": values
            for name, values in events.items()
            if name.startswith("MStereoPar.")
        }
        return new | {
            "MStereoParDisp.fDirectionX": _spread_out(x, good, np.nan),
            "MStereoParDisp.fDirectionY": _spread_out(y, good, np.nan),
            "MStereoParDisp.fDispDiff2": _spread_out(distance2, good, INVALID),
            "MStereoParDisp.fDispRMS": _spread_out(np.sqrt(distance2) / 2, good, INVALID),
            "MStereoParDisp.fValid": good.astype(np.int32),
        }

    def _energy(self, images: Columns, good: np.ndarray) -> Columns:
        new: Columns = {}
        if self.energy_tables:
            single = [
                table.look_up(features.build(tables.needed(t), images), t) for t, table in self.energy_tables.items()
            ]
            log_energy, spread = tables.join(single)
            new |= _energy_columns("MEnergyEst", log_energy, spread, good)
            for t, (log_one, spread_one) in zip(self.energy_tables, single, strict=True):
                new |= _energy_columns(f"MEnergyEst_{t}", log_one, spread_one, good)
        if self.energy_forest:
            log_energy, spread = forest_energy(self.energy_forest, images)
            new |= _energy_columns("MEnergyEstStereoRF", log_energy, spread, good)
            if not self.energy_tables:
                new |= _energy_columns("MEnergyEst", log_energy, spread, good)
        return new


def forest_energy(forest: Forest, images: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Give log10(energy / GeV) and its spread from the energy forest."""
    inputs = features.build(forest.features, images)
    value = _walk(forest, images)
    return value[:, 0] + mean_log_size(inputs), np.sqrt(np.maximum(value[:, 1] - value[:, 0] ** 2, 1e-6))


def _walk(forest: Forest, images: Columns) -> np.ndarray:
    from openmars.models.forest import matrix
    from openmars.models.walk import predict

    return predict(forest, matrix(features.build(forest.features, images)))


def _energy_columns(container: str, log_energy: np.ndarray, spread: np.ndarray, good: np.ndarray) -> Columns:
    energy = 10.0**log_energy
    return {
        f"{container}.fEnergy": _spread_out(energy, good, INVALID),
        f"{container}.fUncertainty": _spread_out(energy * np.log(10) * spread, good, INVALID),
    }


def _spread_out(values: np.ndarray, good: np.ndarray, otherwise: float) -> np.ndarray:
    full = np.full(len(good), otherwise, dtype=np.float32)
    full[good] = values
    return full


def sky_direction(events: Columns, new: Columns, monte_carlo: bool) -> Columns:
    """Give the direction on the sky, and its distance from the source's nominal place in the camera.

    Parameters
    ----------
    events : dict of ndarray
        Branches of the superstar file.
    new : dict of ndarray
        With ``MStereoParDisp.fDirectionX`` and ``fDirectionY`` (deg).
    monte_carlo : bool
        Then there is no time, and so no right ascension; it stays at 0.

    Returns
    -------
    dict of ndarray
        ``fDirectionZd``, ``fDirectionAz``, ``fDirectionDec`` (deg), ``fDirectionRA`` (h), ``fTheta2`` (deg²).
    """
    from openmars.io.times import to_mjd
    from openmars.sky import altaz_to_radec, camera_to_altaz

    x, y = (new[f"MStereoParDisp.fDirection{axis}"].astype(float) for axis in "XY")
    zenith, azimuth = camera_to_altaz(x, y, *true_pointing(events))
    ra = dec = np.zeros(len(x))
    if not monte_carlo:
        ra, dec = altaz_to_radec(zenith, azimuth, to_mjd("MTime_1", events))
    source = [events[f"MSrcPosCam_1.f{axis}"] * features.MM_TO_DEG for axis in "XY"]
    return {
        "MStereoParDisp.fDirectionZd": zenith.astype(np.float32),
        "MStereoParDisp.fDirectionAz": azimuth.astype(np.float32),
        "MStereoParDisp.fDirectionRA": (ra / 15.0).astype(np.float32),
        "MStereoParDisp.fDirectionDec": dec.astype(np.float32),
        "MStereoParDisp.fTheta2": ((x - source[0]) ** 2 + (y - source[1]) ** 2).astype(np.float32),
    }


def true_pointing(events: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Give zenith distance and azimuth (deg) of M1, without what the starguider found it to be off."""
    zenith, azimuth = (
        events[f"MPointingPos_1.f{angle}"] - events.get(f"MPointingPos_1.fDev{angle}", 0.0) for angle in ("Zd", "Az")
    )
    return zenith, azimuth
