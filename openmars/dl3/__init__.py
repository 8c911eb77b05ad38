"""magic_dl3: event lists and instrument responses."""
