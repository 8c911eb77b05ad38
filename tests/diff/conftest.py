"""What makes the files in ``data/`` needs ROOT, which is not here."""

collect_ignore = ["data/make.py"]
