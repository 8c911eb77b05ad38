"""Analysis of extended sources, and of sources anywhere in the field of view."""

from automagic.kinds.base import Kind

DIFFUSE = Kind(
    name="diffuse",
    summary="extended or off-axis sources, with responses for the whole field of view",
    # coach needs no values of its own: no feature of openmars' forests uses the position of a source
    cards={"magic_dl3": {"MagicDL3.FullEnclosure": "yes"}},
    geometry="wd",
    steps=("theta2", "skymap", "spectrum", "lightcurve"),
)
