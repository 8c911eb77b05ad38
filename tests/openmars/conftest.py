"""The judge of calibrated files: ctapipe_io_magic's reader."""

import logging
from collections import defaultdict
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def magic_source():
    """`MAGICEventSource`; where ctapipe is newer than the reader, its event gets the two containers it lost.

    ctapipe 0.28 moved ``event.mon`` and ``event.pointing``; ctapipe_io_magic 0.5.8 still fills them.
    """
    import ctapipe_io_magic
    from ctapipe.containers import ArrayEventContainer
    from ctapipe.core import Field

    def monitoring():
        return SimpleNamespace(
            tel=defaultdict(lambda: SimpleNamespace(pedestal=SimpleNamespace(), pixel_status=SimpleNamespace()))
        )

    class Event(ArrayEventContainer):
        mon = Field(default_factory=monitoring)
        pointing = Field(default_factory=lambda: SimpleNamespace(tel=defaultdict(SimpleNamespace)))

    if "mon" not in ArrayEventContainer.fields:
        ctapipe_io_magic.ArrayEventContainer = Event

    def source(path, **options):
        logging.disable(logging.WARNING)
        return ctapipe_io_magic.MAGICEventSource(input_url=path, process_run=False, **options)

    yield source
    logging.disable(logging.NOTSET)
    ctapipe_io_magic.ArrayEventContainer = ArrayEventContainer
