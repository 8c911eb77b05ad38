"""Calibration of raw files: from the samples of the readout to photo-electrons and arrival times."""
