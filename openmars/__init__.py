"""openmars: an open stand-in for the programs of MARS. It is not MARS."""
