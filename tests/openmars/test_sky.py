"""Directions agree with astropy and ctapipe, and turn back into themselves."""

import numpy as np
import pytest

from openmars import sky

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def positions():
    n = 300
    mjd = np.repeat([55600.9, 56569.95, 58850.2, 60400.05], n // 4) + RNG.uniform(0, 0.2, n)
    return RNG.uniform(0, 360, n), np.degrees(np.arcsin(RNG.uniform(-0.3, 1, n))), mjd


def test_horizon_is_that_of_astropy(positions):
    from astropy import units as u
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time
    from astropy.utils import iers

    ra, dec, mjd = positions
    place = EarthLocation(lon=sky.LONGITUDE_DEG * u.deg, lat=sky.LATITUDE_DEG * u.deg, height=sky.HEIGHT_M * u.m)
    with iers.conf.set_temp("auto_download", False):
        frame = AltAz(obstime=Time(mjd, format="mjd", scale="utc"), location=place)
        judge = SkyCoord(ra, dec, unit="deg").transform_to(frame)
    zd, az = sky.radec_to_altaz(ra, dec, mjd)
    apart = sky.separation(az, 90 - zd, judge.az.deg, judge.alt.deg)
    assert apart.max() < 5e-4


def test_horizon_turns_back_into_the_sky(positions):
    ra, dec, mjd = positions
    zd, az = sky.radec_to_altaz(ra, dec, mjd)
    again = sky.altaz_to_radec(zd, az, mjd)
    assert sky.separation(ra, dec, *again).max() < 1e-5


def test_camera_is_the_telescope_frame_of_ctapipe():
    from astropy import units as u
    from astropy.coordinates import AltAz, SkyCoord
    from ctapipe.coordinates import CameraFrame, TelescopeFrame

    pointing = SkyCoord(az=214.0 * u.deg, alt=61.5 * u.deg, frame=AltAz())
    x, y = RNG.uniform(-500, 500, (2, 50))
    focal = 17.0 * u.m
    points = SkyCoord(x=x * u.mm, y=y * u.mm, frame=CameraFrame(focal_length=focal, telescope_pointing=pointing))
    judge = points.transform_to(TelescopeFrame(telescope_pointing=pointing)).transform_to(AltAz())
    zd, az = sky.camera_to_altaz(np.degrees(x / 17000), np.degrees(y / 17000), 28.5, 214.0)
    assert sky.separation(az, 90 - zd, judge.az.deg, judge.alt.deg).max() < 1e-4


def test_camera_turns_back():
    x, y = RNG.uniform(-2, 2, (2, 100))
    zd, az = RNG.uniform(1, 60, 100), RNG.uniform(0, 360, 100)
    again = sky.altaz_to_camera(*sky.camera_to_altaz(x, y, zd, az), zd, az)
    np.testing.assert_allclose(again, [x, y], atol=1e-10)


def test_higher_and_further_east_are_x_and_y():
    x, _ = sky.altaz_to_camera(29.0, 120.0, 30.0, 120.0)
    _, y = sky.altaz_to_camera(30.0, 120.1, 30.0, 120.0)
    assert x == pytest.approx(1.0)
    assert y > 0


def test_wobble_positions_are_those_of_the_public_event_lists():
    for angle, ra, dec in ((35, 83.98333, 22.24389), (215, 83.27917, 21.78389)):
        pointing = sky.wobble_pointing(83.63333, 22.01444, 0.4, angle)
        assert sky.separation(*pointing, ra, dec) < 0.006  # their headers are rounded to some arcseconds


def test_offsets_have_their_length_and_angle():
    ra, dec = sky.sky_offset(166.1, 38.2, 0.4, np.arange(0, 360, 30.0))
    np.testing.assert_allclose(sky.separation(166.1, 38.2, ra, dec), 0.4, atol=1e-9)
    assert dec[0] == pytest.approx(38.6)
    assert ra[3] > 166.1
