"""Where the telescopes look: sky, horizon and camera."""

from .pointing import (
    HEIGHT_M,
    LATITUDE_DEG,
    LONGITUDE_DEG,
    altaz_to_camera,
    altaz_to_radec,
    camera_to_altaz,
    radec_to_altaz,
    separation,
    sky_offset,
    wobble_pointing,
)

__all__ = [
    "HEIGHT_M",
    "LATITUDE_DEG",
    "LONGITUDE_DEG",
    "altaz_to_camera",
    "altaz_to_radec",
    "camera_to_altaz",
    "radec_to_altaz",
    "separation",
    "sky_offset",
    "wobble_pointing",
]
