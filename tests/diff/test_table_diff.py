"""FITS, Parquet and ECSV tables that differ in one known place, and the same content in other bytes."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automagic.diff import CONTENT, DIFFERS, IDENTICAL, compare

ROWS = 6


def numbers():
    return {
        "ENERGY": np.linspace(0.1, 2, ROWS, dtype="f4"),
        "N": np.arange(ROWS),
        "NAME": np.array([f"event {i}" for i in range(ROWS)]),
    }


def write_fits(path, data, date="2026-01-01", comment="", vector=(1.0, 2.0), image=None):
    columns = [
        fits.Column("ENERGY", "E", "TeV", array=data["ENERGY"]),
        fits.Column("N", "K", array=data["N"]),
        fits.Column("NAME", "10A", array=data["NAME"]),
        fits.Column("PIXELS", "PE()", array=np.array([[1.0], list(vector), *[[0.0]] * (ROWS - 2)], object)),
    ]
    events = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    events.header["DATE"] = (date, f"written {date}")
    events.header["OBJECT"] = ("Crab", comment)
    picture = fits.ImageHDU(np.zeros((3, 4)) if image is None else image, name="MAP")
    fits.HDUList([fits.PrimaryHDU(), events, picture]).writeto(path, checksum=True, overwrite=True)
    return path


def write_parquet(path, data, **options):
    pq.write_table(pa.table({name: pa.array(values) for name, values in data.items()}), path, **options)
    return path


def write_ecsv(path, data, **options):
    table = Table(data, meta={"OBJECT": "Crab"})
    table["ENERGY"].unit = "TeV"
    table.write(path, format="ascii.ecsv", overwrite=True, **options)
    return path


WRITERS = {"fits": write_fits, "parquet": write_parquet, "ecsv": write_ecsv}
LABEL = {"fits": "EVENTS, column {}", "parquet": "column {}", "ecsv": "column {}"}
KIND = {"fits": "FITS", "parquet": "Parquet", "ecsv": "ECSV"}


@pytest.mark.parametrize("suffix", WRITERS)
def test_each_cell_is_named(suffix, tmp_path):
    a = WRITERS[suffix](tmp_path / f"a.{suffix}", numbers())
    label = LABEL[suffix]
    for column, value, words in (
        ("ENERGY", 5.0, "row 2: 0.86 in A, 5.0 in B; the only one of 6 that differs, by 4.14 (82.8 %)"),
        ("N", 7, "row 2: 2 in A, 7 in B; the only one of 6 that differs, by 5 (71.4 %)"),
        ("NAME", "other", "row 2: 'event 2' in A, 'other' in B; the only one of 6 that differs"),
    ):
        data = numbers()
        data[column][2] = value
        b = WRITERS[suffix](tmp_path / f"b.{suffix}", data)
        report = compare(a, b)
        assert (report.verdict, report.kind) == (DIFFERS, KIND[suffix])
        assert report.lines == [f"{label.format(column)}, {words}"]
        place = report.data()["findings"][0]
        assert (place["column"], place["row"], place["differ"]) == (column, 2, 1)
        json.dumps(report.data(), allow_nan=False)


@pytest.mark.parametrize("suffix", WRITERS)
def test_nan_is_no_other_number(suffix, tmp_path):
    data = numbers()
    data["ENERGY"][1] = np.nan
    a = WRITERS[suffix](tmp_path / f"a.{suffix}", data)
    assert compare(a, WRITERS[suffix](tmp_path / f"same.{suffix}", data)).verdict in (IDENTICAL, CONTENT)
    data["ENERGY"][1] = np.inf
    (line,) = compare(a, WRITERS[suffix](tmp_path / f"b.{suffix}", data)).lines
    assert line.startswith(f"{LABEL[suffix].format('ENERGY')}, row 1: nan in A, inf in B")


@pytest.mark.parametrize("suffix", ["parquet", "ecsv"])
def test_columns_and_rows_that_are_not_there(suffix, tmp_path):
    data = numbers()
    a = WRITERS[suffix](tmp_path / f"a.{suffix}", data)
    fewer = {name: values[:4] for name, values in data.items() if name != "N"}
    report = compare(a, WRITERS[suffix](tmp_path / f"b.{suffix}", fewer))
    assert report.lines[:2] == ["only in A: column N", "rows: 6 in A, 4 in B"]


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_damaged_file_is_named(suffix, tmp_path):
    a = WRITERS[suffix](tmp_path / f"a.{suffix}", numbers())
    data = a.read_bytes()
    bad = tmp_path / f"bad.{suffix}"
    bad.write_bytes(data[: len(data) // 2 if suffix != "ecsv" else 60])
    report = compare(a, bad)
    assert report.verdict == DIFFERS
    assert report.lines[0].startswith(f"{bad} cannot be read as {KIND[suffix]}: ")
    assert report.lines[1].startswith(f"length: {len(data)} bytes in A")


@pytest.mark.parametrize("suffix", WRITERS)
def test_random_damage_is_told_without_surprise(suffix, tmp_path):
    a = WRITERS[suffix](tmp_path / f"a.{suffix}", numbers())
    data, random, path = a.read_bytes(), np.random.default_rng(1), tmp_path / f"damaged.{suffix}"
    for _ in range(40):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), random.integers(1, 10)):
            damaged[at] = random.choice([0, 1, 32, 65, 127, 255])
        path.write_bytes(damaged)
        report = compare(a, path)
        assert report.verdict in (IDENTICAL, CONTENT, DIFFERS)
        assert not any("broke off" in line for line in report.lines)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(sorted(WRITERS)),
    column=st.sampled_from(["ENERGY", "N"]),
    row=st.integers(0, ROWS - 1),
    by=st.integers(1, 1000),
)
def test_one_changed_cell_is_named(tmp_path, suffix, column, row, by):
    data = numbers()
    a = WRITERS[suffix](tmp_path / f"a.{suffix}", data)
    data[column][row] += by
    (place,) = compare(a, WRITERS[suffix](tmp_path / f"b.{suffix}", data)).data()["findings"]
    assert (place["column"], place["row"], place["differ"], place["of"]) == (column, row, 1, ROWS)


def test_fits_of_another_date_is_identical_in_content(tmp_path):
    a = write_fits(tmp_path / "a.fits", numbers())
    report = compare(a, write_fits(tmp_path / "b.fits", numbers(), date="2026-01-02"))
    assert (report.verdict, report.lines) == (CONTENT, ["only DATE, CHECKSUM or DATASUM differ"])


def test_fits_keywords_comments_vectors_pixels_and_hdus(tmp_path):
    a = write_fits(tmp_path / "a.fits", numbers())
    b = write_fits(tmp_path / "b.fits", numbers(), comment="a nebula")
    assert compare(a, b).lines == ["EVENTS, comment of keyword OBJECT: '' in A, 'a nebula' in B"]
    fits.setval(tmp_path / "b.fits", "OBJECT", value="Mrk421", comment="", ext=("EVENTS", 1))
    assert "EVENTS, keyword OBJECT: 'Crab' in A, 'Mrk421' in B" in compare(a, b).lines
    (line,) = compare(a, write_fits(b, numbers(), vector=(1.0, 3.0))).lines
    assert line.startswith("EVENTS, column PIXELS, row 1, element 1: 2.0 in A, 3.0 in B; the only one of 6")
    image = np.zeros((3, 4))
    image[1, 2] = 5
    (line,) = compare(a, write_fits(b, numbers(), image=image)).lines
    assert line.startswith("MAP, pixel [1, 2]: 0.0 in A, 5.0 in B; the only one of 12")
    fits.append(b, np.zeros(3), fits.Header([("EXTNAME", "EXTRA")]))
    assert compare(a, b).lines[0] == "only in B: HDU EXTRA"


def test_parquet_types_nested_values_and_nulls(tmp_path):
    a = write_parquet(tmp_path / "a.parquet", {"x": [1, 2, None], "list": [[1.0], [2.0, 3.0], []]})
    b = write_parquet(tmp_path / "b.parquet", {"x": [1, 2, 3], "list": [[1.0], [2.0, 4.0], []]})
    assert compare(a, b).lines == [
        "column x, row 2: None in A, 3 in B; the only one of 3 that differs",
        "column list, row 1, element 1: 3.0 in A, 4.0 in B; the only one of 3 that differs",
    ]
    b = write_parquet(tmp_path / "b.parquet", {"x": ["1", "2", None], "list": [[1.0], [2.0, 3.0], []]})
    assert compare(a, b).lines[0] == "column x, type: int64 in A, string in B"


def test_parquet_of_other_row_groups_and_compression_is_identical_in_content(tmp_path):
    data = {"x": np.arange(200_000), "y": np.linspace(0, 1, 200_000)}
    a = write_parquet(tmp_path / "a.parquet", data)
    b = write_parquet(tmp_path / "b.parquet", data, compression="zstd", row_group_size=777)
    assert compare(a, b).verdict == CONTENT
    data["y"][150_001] = -1
    b = write_parquet(tmp_path / "b.parquet", data, row_group_size=50_000)
    (line,) = compare(a, b).lines
    assert line.startswith("column y, row 150001: 0.75")
    assert "the only one of 200000" in line


def test_ecsv_units_meta_masked_values_and_another_delimiter(tmp_path):
    a = write_ecsv(tmp_path / "a.ecsv", numbers())
    report = compare(a, write_ecsv(tmp_path / "b.ecsv", numbers(), delimiter=","))
    assert report.verdict == CONTENT
    text = a.read_text()
    b = tmp_path / "b.ecsv"
    b.write_text(text.replace("unit: TeV", "unit: GeV"))
    assert compare(a, b).lines == ["column ENERGY, unit: 'TeV' in A, 'GeV' in B"]
    b.write_text(text.replace("OBJECT: Crab", "OBJECT: Mrk421"))
    assert compare(a, b).lines == ["meta OBJECT: 'Crab' in A, 'Mrk421' in B"]
    table = Table(numbers(), masked=True)
    table["N"].mask[3] = True
    table.meta, table["ENERGY"].unit = {"OBJECT": "Crab"}, "TeV"
    table.write(b, format="ascii.ecsv", overwrite=True)
    assert compare(a, b).lines == ["column N, row 3: 3 in A, None in B; the only one of 6 that differs"]


def test_parquet_units_of_columns_are_content(tmp_path):
    for side, unit in (("a", b"m"), ("b", b"km")):
        field = pa.field("x", pa.int64(), nullable=side == "a", metadata={"unit": unit})
        pq.write_table(pa.table([pa.array([1])], schema=pa.schema([field])), tmp_path / f"{side}.parquet")
    assert compare(tmp_path / "a.parquet", tmp_path / "b.parquet").lines == [
        "column x, nullable: True in A, False in B",
        "column x, metadata unit: 'm' in A, 'km' in B",
    ]


def test_compressed_fits(tmp_path):
    data = write_fits(tmp_path / "a.fits", numbers()).read_bytes()
    a, b = tmp_path / "a.fits.gz", tmp_path / "b.fits.gz"
    a.write_bytes(gzip.compress(data, mtime=1))
    b.write_bytes(gzip.compress(data, mtime=2, compresslevel=1))
    assert compare(a, b).verdict == CONTENT
    for left in (-4, -40):  # the first of them holds all the data, and has lost its sum alone
        b.write_bytes(a.read_bytes()[:left])
        report = compare(a, b)
        assert report.verdict == DIFFERS
        assert report.lines[0].startswith(f"{b} cannot be read as FITS: Compressed file ended")
