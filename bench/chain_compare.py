"""Compares what star and superstar wrote with what magic-cta-pipe did; used by ``chain.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

MM, CM, DEG = 1e-3, 1e-2, np.pi / 180
SITE_HEIGHT_M = 2199.0
"""Height above the sea from which magic-cta-pipe counts."""


def image_parameters(events: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our parameters under their names and in their units."""
    hillas = {name: events[f"MHillas.f{name}"].astype(float) for name in ("Size", "MeanX", "MeanY", "Length", "Width")}
    return {
        "intensity": hillas["Size"],
        "x": hillas["MeanX"] * MM,
        "y": hillas["MeanY"] * MM,
        "length": hillas["Length"] * MM,
        "width": hillas["Width"] * MM,
        "skewness": (events["MHillasExt.fM3Long"].astype(float) / hillas["Length"]) ** 3,
        "slope": events["MHillasTimeFit.fP1Grad"].astype(float) / MM,
        "n_pixels": events["MNewImagePar.fNumUsedPixels"].astype(float),
        "n_islands": events["MImagePar.fNumIslands"].astype(float),
        "intensity_width_1": events["MNewImagePar.fLeakage1"].astype(float),
        "intensity_width_2": events["MNewImagePar.fLeakage2"].astype(float),
        "concentration_cog": events["MNewImagePar.fConcCOG"].astype(float),
        "concentration_core": events["MNewImagePar.fConcCore"].astype(float),
        "concentration_pixel": events["MNewImagePar.fConc1"].astype(float),
    }


def compare_all(ours: Path, theirs: Path) -> dict[str, Any]:
    """Print and return how far both agree: events, pixels, image parameters, stereo parameters."""
    table = np.load(theirs)
    out: dict[str, Any] = {}
    for telescope in (1, 2):
        out[f"M{telescope}"] = compare_images(ours, table, telescope)
    out["stereo"] = compare_stereo(ours, table)
    return out


def compare_images(ours: Path, table: Any, telescope: int) -> dict[str, Any]:
    """Compare the images of one telescope."""
    from openmars.io import read_tree

    (path,) = ours.glob(f"*_M{telescope}_*_I_*.root")
    events = read_tree(path, "Events")
    numbers = events["MRawEvtHeader.fStereoEvtNumber"]
    _, a, b = np.intersect1d(numbers, table[f"M{telescope}_event_id"], return_indices=True)
    (path,) = (ours / "images").glob(f"*_M{telescope}_*_I_*.root")
    clean = read_tree(path, "Events", ["MRawEvtHeader.fStereoEvtNumber", "UprootImageOrigClean"])
    theirs = table[f"M{telescope}_image_event_id"]
    _, c, d = np.intersect1d(clean["MRawEvtHeader.fStereoEvtNumber"], theirs, return_indices=True)
    masks, expected = clean["UprootImageOrigClean"][c] != 0, table[f"M{telescope}_image_image_mask"][d]
    out: dict[str, Any] = {
        "events_ours": len(numbers), "events_theirs": len(table[f"M{telescope}_event_id"]), "events_common": len(a),
        "pixels_compared": int(expected.sum()), "pixels_different": int((masks != expected).sum()),
    }  # fmt: skip
    print(f"\nM{telescope}: {out['events_ours']} images of ours, {out['events_theirs']} of theirs, {len(a)} in common")
    print(f"cleaned pixels: {out['pixels_compared']} in {len(c)} images, {out['pixels_different']} different")
    print(f"{'parameter':<22}{'median |diff|/spread':>22}{'largest':>12}{'share > 1e-4':>14}")
    values = image_parameters(events)
    turned = np.cos(events["MHillas.fDelta"][a] - table[f"M{telescope}_psi"][b] * DEG)
    for name, value in values.items():
        mine, their = value[a], table[f"M{telescope}_{name}"][b].astype(float)
        if name in ("skewness", "slope"):
            mine = mine * np.sign(turned)  # both axes fit an image with an upright one
        out[name] = _difference(name, mine, their)
    return out


def _difference(name: str, mine: np.ndarray, their: np.ndarray) -> dict[str, float]:
    """Differences in units of the parameter's own spread over the events."""
    spread = float(np.std(their)) or 1.0
    off = np.abs(mine - their) / spread
    result = {"median": float(np.median(off)), "largest": float(off.max()), "share": float(np.mean(off > 1e-4))}
    print(f"{name:<22}{result['median']:>22.1e}{result['largest']:>12.1e}{result['share']:>14.4%}")
    return result


def compare_stereo(ours: Path, table: Any) -> dict[str, Any]:
    """Compare directions, cores, impacts and heights of events that both reconstructed.

    magic-cta-pipe turns millimetres into angles with the effective focal length (18.2 m), MARS and openmars with
    0.00337 deg/mm (17.0 m): angles differ by 7 % of their distance from the centre of the camera, and the
    heights with them. So the shares below are not expected to vanish.
    """
    from openmars.io import read_tree

    (path,) = ours.glob("*_S_*.root")
    events = read_tree(path, "Events")
    valid = events["MStereoPar.fValid"] == 1
    valid &= (events["MHillas_1.fSize"] > 50) & (events["MHillas_2.fSize"] > 50)
    _, a, b = np.intersect1d(
        np.where(valid, events["MRawEvtHeader_1.fStereoEvtNumber"], 0), table["stereo_event_id"], return_indices=True
    )
    print(f"\nstereo: {valid.sum()} events of ours, {len(table['stereo_event_id'])} of theirs, {len(a)} in common")
    pairs = {
        "direction, deg": _separation(events, a, table, b),
        "core, m": np.hypot(
            events["MStereoPar.fCoreX"][a] * CM - table["stereo_core_x"][b],
            events["MStereoPar.fCoreY"][a] * CM - table["stereo_core_y"][b],
        ),
        "impact M1, m": np.abs(events["MStereoPar.fM1Impact"][a] * CM - table["stereo_impact"][b]),
        "height, %": 100
        * np.abs(events["MStereoPar.fMaxHeight"][a] * CM / (table["stereo_h_max"][b] - SITE_HEIGHT_M) - 1),
    }
    print(f"{'difference':<22}{'median':>10}{'90 %':>10}")
    out: dict[str, Any] = {"events_common": len(a)}
    for name, values in pairs.items():
        out[name] = [float(v) for v in np.percentile(values, (50, 90))]
        print(f"{name:<22}{out[name][0]:>10.3g}{out[name][1]:>10.3g}")
    return out


def _separation(events: dict[str, np.ndarray], a: np.ndarray, table: Any, b: np.ndarray) -> np.ndarray:
    from openmars.sky.pointing import separation

    altitude = 90.0 - events["MStereoPar.fDirectionZd"][a].astype(float)
    return separation(
        events["MStereoPar.fDirectionAz"][a].astype(float), altitude, table["stereo_az"][b], table["stereo_alt"][b]
    )
