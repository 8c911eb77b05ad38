"""quate: which runs, and which of their minutes, are good."""
