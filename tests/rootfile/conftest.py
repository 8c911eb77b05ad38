"""What makes the files in ``data/`` needs ROOT, which is not here."""

collect_ignore_glob = ["data/*.py"]
