"""The camera is that of ctapipe_io_magic, made by others."""

import numpy as np
import pytest

from openmars import camera


@pytest.fixture(scope="module")
def judge():
    from ctapipe_io_magic import load_camera_geometry

    return load_camera_geometry()


def test_pixels_are_where_the_published_table_has_them(judge):
    assert len(camera.PIX_X_MM) == camera.N_PIXELS == judge.n_pixels
    np.testing.assert_allclose(camera.PIX_X_MM, judge.pix_x.to_value("mm"), atol=2e-4)
    np.testing.assert_allclose(camera.PIX_Y_MM, judge.pix_y.to_value("mm"), atol=2e-4)
    assert pytest.approx(judge.pix_area.to_value("mm2")[0], rel=1e-4) == camera.PIXEL_AREA_MM2


def test_neighbours_are_those_of_ctapipe(judge):
    assert np.array_equal(camera.neighbour_matrix(), judge.neighbor_matrix)
    assert np.array_equal(camera.N_NEIGHBOURS, judge.neighbor_matrix.sum(axis=1))


def test_edge_of_the_camera_is_that_of_ctapipe(judge):
    for rings in (1, 2):
        assert np.array_equal(camera.outer_pixels(rings), judge.get_border_pixel_mask(rings))


def test_a_point_falls_into_the_nearest_pixel():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-560, 560, (2, 4000))
    distance = np.hypot(x[:, None] - camera.PIX_X_MM, y[:, None] - camera.PIX_Y_MM)
    nearest, found = distance.argmin(axis=1), camera.pixel_at(x, y)
    inside = found >= 0
    assert np.array_equal(found[inside], nearest[inside])
    assert np.all(distance.min(axis=1)[~inside] > camera.PITCH_MM / 2 - 0.01)
    assert np.all(inside[distance.min(axis=1) < camera.PITCH_MM / 2 - 0.01])
