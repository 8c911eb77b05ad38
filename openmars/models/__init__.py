"""coach trains, melibea applies: gamma/hadron separation, direction (disp) and energy."""
