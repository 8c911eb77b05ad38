"""magic_dl3: event lists and instrument responses.

A data ``_Q_`` file (one run) and the ``_Q_`` files of the test half of the gamma Monte Carlo become one DL3
file: events, good time intervals, cuts and responses, as Gammapy reads them.
"""
