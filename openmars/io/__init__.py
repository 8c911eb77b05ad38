"""ROOT files, read and written."""
