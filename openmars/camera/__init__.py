"""The camera of the MAGIC telescopes: where its pixels are and which are neighbours."""

from .geometry import (
    MM_TO_DEG,
    N_CHANNELS,
    N_NEIGHBOURS,
    N_PIXELS,
    NEIGHBOURS,
    PITCH_MM,
    PIX_X_MM,
    PIX_Y_MM,
    PIXEL_AREA_MM2,
    neighbour_matrix,
    outer_pixels,
    pixel_at,
)

__all__ = [
    "MM_TO_DEG",
    "NEIGHBOURS",
    "N_CHANNELS",
    "N_NEIGHBOURS",
    "N_PIXELS",
    "PITCH_MM",
    "PIXEL_AREA_MM2",
    "PIX_X_MM",
    "PIX_Y_MM",
    "neighbour_matrix",
    "outer_pixels",
    "pixel_at",
]
