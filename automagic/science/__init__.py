"""Science: what Gammapy makes of DL3 files. θ² and significance, spectrum, light curve, and the index of the files.

Each step is a program like those of MARS, run as ``python -m automagic.science <step>`` with a card, a folder of
DL3 files and a folder for what it makes:

================  =====================================================================================
``index``         ``hdu-index.fits.gz``, ``obs-index.fits.gz``
``theta2``        ``theta2.ecsv``, ``theta2.json``, ``theta2.png``
``spectrum``      ``model.yaml``, ``spectrum.ecsv``, ``spectrum.json``, ``spectrum.png``
``lightcurve``    ``lightcurve.ecsv`` (run by run), ``lightcurve-run.ecsv`` (the same), ``lightcurve-night.ecsv``,
                  ``lightcurve.json``, ``lightcurve.png``; where periods are asked for, ``lightcurve-period.ecsv``
                  and ``lightcurve-period.png``
``flux``          ``flux.json``: the integral flux of a source of a catalogue, or its upper limit
``sources``       ``sources.ecsv``, ``sources.json``, ``sources.png``, from what the steps above made of each source
``levels``        ``levels.ecsv``, ``levels.json``, ``levels.png``: each level of moonlight by itself
``part``          ``excluded.times`` of a part of a run (one file, no DL3)
``mark``          a DL3 file with its level of moonlight in header and name
``phase``         a DL3 file again, with the pulsar's phase of each event
``phaseogram``    ``phaseogram.ecsv``, ``phaseogram.json``, ``phaseogram.png``
``pulsar_spectrum``  ``pulsar-model.yaml``, ``pulsar-spectrum.ecsv``, ``pulsar-spectrum.json``, ``pulsar-spectrum.png``
``haze``          a run's DL3 file again, corrected for haze; it reads ``dl3/`` and ``melibea/`` of its folder
``skymap``        ``skymap.fits`` (counts, background, excess, significance, expected), ``skymap.yaml`` (the model),
                  ``skymap.json``, ``skymap.png``
================  =====================================================================================

The default cards in ``automagic/science/cards`` name every key that a step reads. Same inputs, same bytes: no date,
host or path is written, and runs are taken in the order of their numbers.
"""

from pathlib import Path

STEPS = ("index", "theta2", "spectrum", "lightcurve", "flux", "levels", "skymap")
TABLES = ("sources",)
"""What reads the results of other steps."""
PULSAR_STEPS = ("phaseogram", "pulsar_spectrum")
"""What needs files with phases."""
FILE_STEPS = ("part", "mark", "haze", "phase")
"""Steps for the files of a run."""
CARDS = Path(__file__).with_name("cards")

__all__ = ["CARDS", "FILE_STEPS", "PULSAR_STEPS", "STEPS", "TABLES"]
