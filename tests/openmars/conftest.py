"""The judge of calibrated files: ctapipe_io_magic's reader, as it is."""

import logging

import pytest


@pytest.fixture(scope="session")
def magic_source():
    """`MAGICEventSource` of one file, without its many warnings."""
    from ctapipe_io_magic import MAGICEventSource

    def source(path, **options):
        logging.disable(logging.WARNING)
        return MAGICEventSource(input_url=path, process_run=False, **options)

    yield source
    logging.disable(logging.NOTSET)
