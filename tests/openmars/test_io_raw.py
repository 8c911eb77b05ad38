"""Raw files: what is written comes back, by our reader and by uproot."""

import numpy as np
import pytest

from openmars.core.errors import InputError
from openmars.io import level
from openmars.io.headers import RunInfo
from openmars.io.raw import N_PIXELS, N_SAMPLES, SAMPLES, WORD_MAX, RawEvents, RawReader, RawWriter

DAY = 56570
INFO = RunInfo(5029746, 1, 2, False, "CrabNebula", 83.6333, 22.0145, day=DAY, start_s=-20.5, stop_s=40.25, run_type=2)


def toy(n, seed=1):
    rng = np.random.default_rng(seed)
    samples = np.rint(rng.normal(1400, 4, (n, N_PIXELS, N_SAMPLES))).astype(np.uint16)
    samples[:, ::50, 20:30] = rng.integers(0, WORD_MAX + 1, (n, 21, 10))
    seconds = np.sort(rng.uniform(-20, 40, n)).round(6)
    return RawEvents(
        samples=samples,
        pattern=np.where(np.arange(n) % 3 == 0, 8, 128).astype(np.uint8),
        stereo_number=np.arange(n),
        daq_number=np.arange(1, n + 1),
        seconds=seconds,
        time_diff_s=np.diff(seconds, prepend=-20.0),
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / "20131005_M2_05029746.001_C_CrabNebula-W0.40+035.root"
    events = toy(90)
    with RawWriter(path, INFO) as out:
        out.add(events.part(slice(0, 55)))
        out.add(events.part(slice(55, None)))
        out.finish({"openmars-sim.rc": "Sim.Seed: 1\n"})
    return path, events


@pytest.mark.parametrize("n", [7, 38, 256])
def test_what_is_written_comes_back_in_chunks_of_any_size(written, n):
    path, events = written
    reader = RawReader(path)
    assert reader.n_events == 90
    parts = list(reader.chunks(n))
    assert [len(p) for p in parts[:-1]] == [n] * (len(parts) - 1)
    for name in ("samples", "pattern", "stereo_number", "daq_number"):
        assert np.array_equal(np.concatenate([getattr(p, name) for p in parts]), getattr(events, name)), name
    np.testing.assert_allclose(np.concatenate([p.seconds for p in parts]), events.seconds, atol=1e-9)
    np.testing.assert_allclose(np.concatenate([p.time_diff_s for p in parts]), events.time_diff_s)
    assert parts[0].samples.dtype == np.uint16


def test_header_and_texts_come_back(written):
    reader = RawReader(written[0])
    assert reader.info == INFO
    assert reader.texts["openmars-sim.rc"] == "Sim.Seed: 1\n"
    assert level(written[0]) == "raw"
    assert np.array_equal(reader.headers().daq_number, written[1].daq_number)


def test_uproot_reads_the_samples_as_documented(written):
    import uproot

    path, events = written
    with uproot.open(path) as file:
        stored = file["Events"][SAMPLES].array(library="np", entry_start=50, entry_stop=60)
        assert file["RunHeaders"]["MRawRunHeader.fRunType"].array(library="np")[0] == 2
        ids = file["RunHeaders"]["MRawEvtData.fHiGainPixId"].array(library="np")[0]
    assert stored.shape == (10, 2 * N_PIXELS * N_SAMPLES)
    lower, upper = stored[:, : N_PIXELS * N_SAMPLES].astype(int), stored[:, N_PIXELS * N_SAMPLES :].astype(int)
    assert np.array_equal((lower + 256 * upper).reshape(10, N_PIXELS, N_SAMPLES), events.samples[50:60])
    assert np.array_equal(ids, np.arange(N_PIXELS))


def test_noise_takes_little_more_than_its_entropy(tmp_path):
    events = toy(60)
    events.samples[:] = np.rint(np.random.default_rng(2).normal(1400, 4, events.samples.shape))
    with RawWriter(tmp_path / "a.root", INFO) as out:
        out.add(events)
        out.finish()
    entropy = N_PIXELS * N_SAMPLES * np.log2(4 * np.sqrt(2 * np.pi * np.e)) / 8
    assert (tmp_path / "a.root").stat().st_size / 60 < 1.1 * entropy


def test_a_file_of_another_kind_is_named(tmp_path, written):
    from openmars.io import write_root

    write_root(tmp_path / "b.root", {"RunHeaders": {"a": np.zeros(1)}, "Events": {"MHillas.fSize": np.zeros(3)}})
    with pytest.raises(InputError, match="no raw file"):
        RawReader(tmp_path / "b.root")
    (tmp_path / "c.root").write_bytes(written[0].read_bytes()[:10_000])
    with pytest.raises(InputError, match=r"c\.root.*truncated"):
        RawReader(tmp_path / "c.root")
    with pytest.raises(ValueError, match="1039"), RawWriter(tmp_path / "d.root", INFO) as out:
        out.add(RawEvents(np.zeros((1, 5, 50), np.uint16), *[np.zeros(1)] * 5))
    assert not (tmp_path / "d.root").exists()
