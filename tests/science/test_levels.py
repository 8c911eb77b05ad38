"""Levels of moonlight in DL3 files: the mark, the joint fit of different responses, each level by itself."""

import numpy as np
import pytest

from automagic.errors import UserError
from automagic.science import dl3, levels, mark, models, part, reduce
from automagic.science.__main__ import main
from automagic.science.settings import Settings

from .conftest import CARD

RUN = "20131005_05030201_DL3_Test-W0.40+035.fits"


def marked(folder, out, level, number):
    return list(mark.run(Settings("mark", {"Mark.Level": level, "Mark.ObsId": str(number)}), folder, out))


def thin(path, factor, seed):
    """Let a file be of a camera that sees less: a share of the events, and of the effective area, below 1 TeV less."""
    from astropy.io import fits

    def seen(energy):
        return factor * np.clip(energy, 0.05, 1.0) ** 0.5

    with fits.open(path, mode="update") as hdus:
        table = hdus["EVENTS"].data
        # the response is a function of the true energy, which is within some 15 % of the estimated one
        keep = np.random.default_rng(seed).random(len(table)) < seen(table["ENERGY"])
        hdus["EVENTS"].data = table[keep]
        area = hdus["EFFECTIVE AREA"].data
        centre = np.sqrt(area["ENERG_LO"] * area["ENERG_HI"])
        area["EFFAREA"] *= seen(centre)[:, None, :]


@pytest.fixture(scope="module")
def two_levels(tmp_path_factory, write_run):
    """Two dark runs; and one that is half of one level and half of another, in which the camera sees a third."""
    folder = tmp_path_factory.mktemp("levels")
    out = folder / "marked"
    out.mkdir()
    start = 333778852.0
    for k, (run, number, level, seconds) in enumerate(
        (
            (5030101, 5030101, "dark", 1800.0),
            (5030102, 5030102, "dark", 1800.0),
            (5030201, 5030201, "NSB_2-3", 2400.0),
            (5030201, 105030201, "NSB_3-5", 2400.0),
        )
    ):
        own = folder / str(k)
        own.mkdir()
        path = own / f"20131005_{run:08d}_DL3_Test-W0.40+035.fits"
        write_run(path, run, seed=20 + k, seconds=seconds, start=start)
        if level != "dark":
            thin(path, 0.35, k)
        marked(own, out, level, number)
        start += seconds
    return out


def test_a_marked_file_is_the_same_but_for_its_number_and_level(tmp_path, write_run):
    from astropy.io import fits

    (tmp_path / "in").mkdir()
    for out in ("a", "b"):
        (tmp_path / out).mkdir()
    write_run(tmp_path / "in" / RUN, 5030201, seed=1, seconds=60.0)
    for out in ("a", "b"):
        marked(tmp_path / "in", tmp_path / out, "NSB_2-3", 105030201)
    path = tmp_path / "a" / "20131005_05030201_DL3_Test-W0.40+035_NSB_2-3.fits"
    assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    (found,) = dl3.find(path.parent)
    assert (found.obs_id, found.level) == (105030201, "NSB_2-3")
    with fits.open(path) as new, fits.open(tmp_path / "in" / RUN) as old:
        assert [hdu.name for hdu in new] == [hdu.name for hdu in old]
        assert all(np.array_equal(a.data, b.data) for a, b in zip(new[1:], old[1:], strict=True))


def test_a_run_of_which_nothing_is_left_is_no_failure_and_a_wrong_level_is(tmp_path):
    (tmp_path / "card.rc").write_text("Mark.Level: dark\nMark.ObsId: 1\n")
    code = main(["mark", f"--config={tmp_path / 'card.rc'}", f"--ind={tmp_path}", f"--out={tmp_path}"])
    assert code == 4
    with pytest.raises(UserError, match=r"Mark\.Level"):
        marked(tmp_path, tmp_path, "../dark", 1)


def test_times_of_a_part_are_added_to_those_of_quate(tmp_path):
    from openmars.quality.slices import read_time_slices, write_time_slices

    (tmp_path / "in").mkdir()
    write_time_slices(tmp_path / "in" / part.NAME, [(56570.1, 56570.11, "clouds")], "quate")
    card = Settings("part", {"Part.Exclude": "56569.0 56570.05; 56570.2 56571.2"})
    list(part.run(card, tmp_path / "in", tmp_path))
    assert read_time_slices(tmp_path / part.NAME).tolist() == [
        [56570.1, 56570.11],
        [56569.0, 56570.05],
        [56570.2, 56571.2],
    ]
    list(part.run(card, tmp_path / "nowhere", tmp_path))
    assert len(read_time_slices(tmp_path / part.NAME)) == 2
    with pytest.raises(UserError, match="ends at 1"):
        list(part.run(Settings("part", {"Part.Exclude": "2 1"}), tmp_path, tmp_path))


def test_levels_with_other_responses_have_one_spectrum(two_levels, crab_like):
    settings = Settings("spectrum", CARD)
    files = dl3.find(two_levels)
    runs = reduce.datasets(settings, files)
    parts = reduce.by_level(runs, files)
    assert list(parts) == ["dark", "NSB_2-3", "NSB_3-5"]
    model = models.sky_model(settings)
    result = reduce.fit(list(parts.values()), model)
    amplitude = model.spectral_model.amplitude
    assert abs(amplitude.value - crab_like(np.array(1.0))) < 3.5 * amplitude.error
    bins = sum(int(each.mask.data.sum()) for each in parts.values())
    assert result.total_stat < bins + 5 * np.sqrt(2 * bins)


def test_the_table_of_levels_adds_up_to_the_runs(two_levels, tmp_path):
    from astropy.table import QTable

    list(levels.run(Settings("levels", CARD), two_levels, tmp_path))
    table = QTable.read(tmp_path / "levels.ecsv")
    assert list(table["level"]) == ["dark", "NSB_2-3", "NSB_3-5"]
    assert table["hours"].to_value("h").sum() == pytest.approx((2 * 1800 + 2 * 2400) / 3600, rel=1e-3)
    for row in table:
        assert abs(row["ratio"] - 1) < 3.5 * row["ratio_err"], row["level"]
        assert row["ratio_err"] < 0.15, "a third of the events lost would be seen"
    assert (tmp_path / "levels.png").stat().st_size > 20_000


def test_a_level_with_the_response_of_another_is_seen(two_levels, tmp_path):
    """Were responses mixed up, or runs of all levels simply added with one response, this is how it would look."""
    from astropy.io import fits

    folder = tmp_path / "wrong"
    folder.mkdir()
    for path in two_levels.glob("*.fits"):
        with fits.open(path) as hdus:
            if "NSB_3-5" in path.name:
                with fits.open(next(two_levels.glob("*_dark.fits"))) as dark:
                    hdus["EFFECTIVE AREA"].data = dark["EFFECTIVE AREA"].data
                    hdus.writeto(folder / path.name)
            else:
                hdus.writeto(folder / path.name)
    settings, files = Settings("levels", CARD), dl3.find(folder)
    parts = reduce.by_level(reduce.datasets(settings, files), files)
    model = models.sky_model(settings)
    reduce.fit(list(parts.values()), model)
    wrong, _ = levels._row(settings, "NSB_3-5", files[-1:], parts["NSB_3-5"], model, 0.3)
    assert wrong["ratio"] < 1 - 5 * wrong["ratio_err"]


def test_parts_of_a_run_are_one_point_of_its_light_curve(two_levels):
    from automagic.science.lightcurve import _runs

    files = dl3.find(two_levels)
    runs = reduce.datasets(Settings("spectrum", CARD), files)
    intervals = _runs(runs)
    assert len(intervals) == 3
    lengths = sorted(round((stop - start).to_value("s")) for start, stop in intervals)
    assert lengths == [1800, 1800, 4800]
