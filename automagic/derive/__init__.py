"""From an analysis to another one that differs in a key: the settings, and all results that are not concerned."""
