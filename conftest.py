"""Tests compile openmars' kernels where its programs do, so that none runs with the code of an older source."""

from openmars.__main__ import settle_environment

settle_environment()
