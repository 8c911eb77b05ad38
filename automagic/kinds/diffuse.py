"""Analysis of extended sources, and of sources anywhere in the field of view."""

from automagic.kinds.base import Kind

DIFFUSE = Kind(
    name="diffuse",
    summary="extended or off-axis sources, with responses for the whole field of view",
    geometry="wd",
)
