"""Where the telescopes point."""
