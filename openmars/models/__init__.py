"""coach and melibea."""
