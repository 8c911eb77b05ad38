"""Tests compile openmars' kernels where its programs do, so that none runs with the code of an older source.

No property test fails because the machine is slow.
"""

from hypothesis import HealthCheck, settings

from openmars.__main__ import settle_environment

settle_environment()
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")
