"""star: image cleaning and parameters."""
