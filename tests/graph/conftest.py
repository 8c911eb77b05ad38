import pytest

from automagic.analysis import load
from automagic.graph import expand


@pytest.fixture
def written(tmp_path):
    """Write an analysis and its site, and more files by name, and read them."""

    def write(analysis, site, **files):
        (tmp_path / "analysis.toml").write_text(analysis)
        (tmp_path / "site.toml").write_text(site)
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return load(tmp_path)

    return write


@pytest.fixture
def expanded(written):
    """The same, as a graph."""
    return lambda analysis, site, **files: expand(written(analysis, site, **files))
