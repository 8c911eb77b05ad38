"""The camera of 1039 pixels."""
