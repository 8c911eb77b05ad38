"""Stereo geometry, judged by known showers and by ctapipe's HillasReconstructor."""

from __future__ import annotations

import numpy as np
import pytest

from openmars.camera import MM_TO_DEG
from openmars.sky.pointing import altaz_to_camera
from openmars.stereo.geometry import TELESCOPES_M, Image, cherenkov_pool, reconstruct, vector


def straight_showers(n: int, seed: int = 2) -> tuple[dict[str, np.ndarray], list[Image]]:
    """Showers that are straight lines, seen without error: truth and images, the axis through two of its points."""
    rng = np.random.default_rng(seed)
    zd, az = rng.uniform(5, 50, n), rng.uniform(0, 360, n)
    truth = {
        "zd": zd + rng.uniform(-1, 1, n),
        "az": (az + rng.uniform(-1, 1, n) / np.sin(np.radians(zd))) % 360,
        "core_x": rng.uniform(-150, 150, n),
        "core_y": rng.uniform(-150, 150, n),
        "height": rng.uniform(5e3, 1.2e4, n),
    }
    axis = vector(truth["zd"], truth["az"])
    core = np.stack([truth["core_x"], truth["core_y"], np.zeros(n)], axis=-1)
    images = []
    for place in TELESCOPES_M:
        points = []
        for height in (truth["height"], truth["height"] * 0.9):
            seen = core + axis * (height / axis[:, 2])[:, None] - place
            seen /= np.linalg.norm(seen, axis=1, keepdims=True)
            zenith, azimuth = np.degrees(np.arccos(seen[:, 2])), np.degrees(np.arctan2(-seen[:, 1], seen[:, 0]))
            points.append(np.array(altaz_to_camera(zenith, azimuth, zd, az)) / MM_TO_DEG)
        along = points[1] - points[0]
        along /= np.hypot(*along)
        images.append(Image(points[0][0], points[0][1], along[0], along[1], zd, az))
    return truth, images


def test_straight_showers_are_found() -> None:
    truth, images = straight_showers(300)
    shower = reconstruct(*images)
    wide = shower.image_angle > 5
    assert wide.mean() > 0.7
    assert shower.valid[wide].all()
    off = np.hypot(shower.zd - truth["zd"], (shower.az - truth["az"] + 180) % 360 - 180)[wide]
    assert np.median(off) < 1e-3
    np.testing.assert_allclose(shower.core_x[wide], truth["core_x"][wide], atol=3)
    np.testing.assert_allclose(shower.core_y[wide], truth["core_y"][wide], atol=3)
    np.testing.assert_allclose(shower.max_height[wide], truth["height"][wide], rtol=0.01)
    axis = vector(truth["zd"], truth["az"])
    for telescope in (0, 1):
        away = np.stack([truth["core_x"], truth["core_y"], 0 * truth["zd"]], -1) - TELESCOPES_M[telescope]
        expected = np.linalg.norm(np.cross(away, axis), axis=1)
        np.testing.assert_allclose(shower.impact[telescope][wide], expected[wide], atol=3)


def test_parallel_axes_give_no_direction() -> None:
    one = np.ones(1)
    image = Image(100 * one, 0 * one, one, 0 * one, 20 * one, 90 * one)
    assert not reconstruct(image, image).valid[0]


def test_directions_are_those_of_ctapipe() -> None:
    import astropy.units as u
    from astropy.coordinates import Angle
    from ctapipe.containers import CameraHillasParametersContainer
    from ctapipe.coordinates import altaz_to_righthanded_cartesian
    from ctapipe.reco.hillas_reconstructor import HillasReconstructor

    truth, images = straight_showers(20)
    rng = np.random.default_rng(4)
    turned = []
    for image in images:  # images as they are seen, with errors of the axis
        angle = np.arctan2(image.sin, image.cos) + rng.normal(0, 0.1, len(truth["zd"]))
        turned.append(Image(image.x, image.y, np.cos(angle), np.sin(angle), image.zd, image.az))
    shower = reconstruct(*turned)
    size, length, width = 100.0, 0.1 * u.m, 0.03 * u.m
    for e in np.flatnonzero(shower.valid):
        normals, centres = [], []
        for image in turned:
            hillas = CameraHillasParametersContainer(
                intensity=size, x=image.x[e] * u.mm, y=image.y[e] * u.mm, length=length, width=width,
                psi=Angle(np.arctan2(image.sin[e], image.cos[e]), u.rad),
            )  # fmt: skip
            ends = _on_sky(hillas, image.zd[e], image.az[e])
            vectors = [altaz_to_righthanded_cartesian(alt=p.alt, az=p.az) for p in ends]
            normals.append(np.cross(*vectors))
            centres.append(vectors[0])
        direction, _ = HillasReconstructor.estimate_direction(np.array(normals), np.ones(2))
        ours = vector(shower.zd[e : e + 1], shower.az[e : e + 1])[0]
        assert np.degrees(np.arccos(np.clip(ours @ np.array(direction), -1, 1))) < 0.005
        from astropy.coordinates import CartesianRepresentation, SkyCoord
        from ctapipe.coordinates import GroundFrame

        places = SkyCoord(CartesianRepresentation(TELESCOPES_M.T * u.m), frame=GroundFrame())
        height = HillasReconstructor.estimate_relative_h_max(np.array(centres), places)
        assert shower.max_height[e] == pytest.approx(height.to_value("m"), rel=1e-6)


def _on_sky(hillas, zd, az):
    import astropy.units as u
    from astropy.coordinates import AltAz, SkyCoord
    from ctapipe.coordinates import CameraFrame

    pointing = SkyCoord(alt=(90 - zd) * u.deg, az=az * u.deg, frame=AltAz())
    frame = CameraFrame(focal_length=np.degrees(1) / MM_TO_DEG * u.mm, telescope_pointing=pointing)
    ahead = (hillas.x + 50 * u.mm * np.cos(hillas.psi), hillas.y + 50 * u.mm * np.sin(hillas.psi))
    return [SkyCoord(x=x, y=y, frame=frame).transform_to(AltAz()) for x, y in ((hillas.x, hillas.y), ahead)]


def test_the_light_pool_is_as_large_as_known() -> None:
    radius, density = cherenkov_pool(np.array([8e3, 8e3, 12e3]), np.array([0.0, 40.0, 0.0]))
    assert 80 < radius[0] < 130  # the pool of a vertical shower has a radius of about 100 m
    assert radius[1] > radius[0]
    assert density[1] < density[0]
    assert density[2] < density[0]
