"""Science: what Gammapy makes of DL3 files. θ² and significance, spectrum, light curve, and the index of the files.

Each step is a program like those of MARS, run as ``python -m automagic.science <step>`` with a card, a folder of
DL3 files and a folder for what it makes:

================  =====================================================================================
``index``         ``hdu-index.fits.gz``, ``obs-index.fits.gz``
``theta2``        ``theta2.ecsv``, ``theta2.json``, ``theta2.png``
``spectrum``      ``model.yaml``, ``spectrum.ecsv``, ``spectrum.json``, ``spectrum.png``
``lightcurve``    ``lightcurve.ecsv`` (run by run), ``lightcurve-run.ecsv`` (the same), ``lightcurve-night.ecsv``,
                  ``lightcurve.json``, ``lightcurve.png``
``skymap``        ``skymap.fits`` (counts, background, excess, significance), ``skymap.yaml`` (the fitted model),
                  ``skymap.json``, ``skymap.png``
================  =====================================================================================

The default cards in ``automagic/science/cards`` name every key that a step reads. Same inputs, same bytes: no date,
host or path is written, and runs are taken in the order of their numbers.
"""

from pathlib import Path

STEPS = ("index", "theta2", "spectrum", "lightcurve", "skymap")
CARDS = Path(__file__).with_name("cards")

__all__ = ["CARDS", "STEPS"]
