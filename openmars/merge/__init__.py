"""merpp: the reports of the central control merged into calibrated files."""
