"""Raw files (``_D_`` data, ``_P_`` pedestal, ``_C_`` calibration): the samples of every pixel, as they are read out.

A word of 14 bits for each of the 50 samples of each of the 1039 pixels. The branch ``MRawEvtData.fHiGainFadcSamples``
holds bytes, two a sample, as the class of MARS does (``MArrayB``; a public file of MAGIC has 108400 bytes an event for
1084 channels). The order of the bytes is ours: first the lower bytes of all samples, pixel by pixel, then the upper
ones, which hardly ever change: so files are written twice as quickly and are a fifth smaller than with words.
``MRawEvtData.fHiGainPixId``, which MARS repeats with each event, stands once in ``RunHeaders``. Level and kind of
MAGIC's own compression are not public.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType

import numpy as np

from openmars.camera import N_PIXELS
from openmars.core.errors import InputError
from openmars.core.provenance import version_columns

from . import headers
from .headers import RunInfo
from .rootwrite import Column, RootWriter
from .times import from_mtime, to_mtime
from .trees import RootInput

N_SAMPLES = 50
WORD_MAX = 2**14 - 1
"""Largest word of the readout: what is brighter is saturated."""
SAMPLES = "MRawEvtData.fHiGainFadcSamples"
PIXEL_IDS = "MRawEvtData.fHiGainPixId"


@dataclass
class RawEvents:
    """Events of one telescope; [n] each where nothing else is said.

    Attributes
    ----------
    samples
        Words of the readout, uint16 [n, 1039, 50].
    pattern
        Trigger pattern: 128 stereo, 8 pedestal, 2 calibration.
    stereo_number
        Number that both telescopes give to an event; 0 for pedestal and calibration events.
    daq_number
        Number of the event in its subrun, from 1.
    seconds
        From the midnight of the day of sunrise.
    time_diff_s
        Time since the event before.
    """

    samples: np.ndarray
    pattern: np.ndarray
    stereo_number: np.ndarray
    daq_number: np.ndarray
    seconds: np.ndarray
    time_diff_s: np.ndarray

    def __len__(self) -> int:
        return len(self.pattern)

    def part(self, chosen: np.ndarray | slice) -> RawEvents:
        """Some of the events."""
        return RawEvents(*(getattr(self, f.name)[chosen] for f in fields(self)))


def _to_bytes(samples: np.ndarray) -> np.ndarray:
    """Lower bytes of all samples, then the upper ones: uint8 [n, 2 * 1039 * 50]."""
    words = np.ascontiguousarray(samples, "<u2").reshape(len(samples), -1)
    out = np.empty((len(words), 2, words.shape[1]), np.uint8)
    pairs = words.view(np.uint8).reshape(len(words), -1, 2)
    out[:, 0], out[:, 1] = pairs[:, :, 0], pairs[:, :, 1]
    return out.reshape(len(words), -1)


def _from_bytes(stored: np.ndarray) -> np.ndarray:
    """Undo `_to_bytes`: uint16 [n, 1039, 50]."""
    halves = stored.reshape(len(stored), 2, -1)
    out = np.empty((len(stored), halves.shape[2], 2), np.uint8)
    out[:, :, 0], out[:, :, 1] = halves[:, 0], halves[:, 1]
    return out.view("<u2").reshape(len(stored), -1, N_SAMPLES).astype(np.uint16, copy=False)


class RawWriter:
    """One raw file in the making: events in chunks, headers at the end.

    Parameters
    ----------
    path
        The file; it appears when it is complete.
    info
        Its header; `RunInfo.run_type` tells data (0), pedestal (1) and calibration (2).

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "20131005_M1_05029747.001_D_CrabNebula-W0.40+035.root"
    >>> words = np.full((3, N_PIXELS, N_SAMPLES), 1400, np.uint16)
    >>> count = np.arange(3)
    >>> with RawWriter(path, RunInfo(5029747, 1, 1, False, "CrabNebula", 83.6, 22.0)) as out:
    ...     out.add(RawEvents(words, np.full(3, 8), 0 * count, count + 1, 0.5 * count, np.full(3, 0.5)))
    ...     out.finish()
    >>> [part.samples.shape for part in RawReader(path).chunks(2)]
    [(2, 1039, 50), (1, 1039, 50)]
    """

    def __init__(self, path: str | Path, info: RunInfo) -> None:
        self.info = info
        self.n_events = 0
        self._out = RootWriter(path)

    def __enter__(self) -> RawWriter:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._out.__exit__(kind, value, trace)

    def add(self, events: RawEvents) -> None:
        """Append events."""
        if not len(events):
            return
        if events.samples.shape[1:] != (N_PIXELS, N_SAMPLES):
            raise ValueError(f"samples are to be [n, {N_PIXELS}, {N_SAMPLES}], given {events.samples.shape}")
        columns: dict[str, Column] = {
            "MRawEvtHeader.fStereoEvtNumber": events.stereo_number.astype(np.uint32),
            "MRawEvtHeader.fDAQEvtNumber": events.daq_number.astype(np.uint32),
            "MRawEvtHeader.fTimeDiff": events.time_diff_s.astype(np.float64),
            "MTriggerPattern.fPrescaled": events.pattern.astype(np.uint8),
            "MTriggerPattern.fUnprescaled": events.pattern.astype(np.uint8),
            **to_mtime("MTime", self.info.day, events.seconds),
            SAMPLES: _to_bytes(events.samples),
        }
        self._out.extend("Events", columns)
        self.n_events += len(events)

    def finish(self, texts: Mapping[str, str] | None = None) -> None:
        """Write the trees other than ``Events``.

        Parameters
        ----------
        texts
            Kept by name: the card of the program and what wrote the file.
        """
        head = headers.run_headers(self.info, self.n_events)
        del head["MBadPixelsCam.fArray.fInfo"]  # found by the calibration
        head["MRawRunHeader.fNumBytesPerSample"] = np.array([2], np.uint16)
        head[PIXEL_IDS] = np.arange(N_PIXELS, dtype=np.uint16)[None, :]
        self._out.extend("RunHeaders", head)
        self._out.extend("RunTails", dict(version_columns("openmars_sim")))
        self._out.text("simulated", "these events are simulated; they are not data of MAGIC")
        for name, text in (texts or {}).items():
            self._out.text(name, text)


class RawReader:
    """A raw file to read from.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        If it is missing, damaged or no raw file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = RootInput(path)
        if "RunHeaders" not in self._file.trees():
            raise InputError(f"{path}: it has no tree RunHeaders; was it written to its end?")
        self._has_events = "Events" in self._file.trees()
        if self._has_events and SAMPLES not in self._file.branches("Events"):
            raise InputError(f"{path}: its events have no samples; it is no raw file")
        self.info = _read_info(self._file)
        self.n_events = self._file.entries("Events") if self._has_events else 0

    @property
    def texts(self) -> dict[str, str]:
        """Texts in the file by name."""
        return self._file.texts()

    def headers(self) -> RawEvents:
        """All events without their samples (an array [n, 0, 50] stands in for them)."""
        return self._events(0, self.n_events, with_samples=False)

    def chunks(self, n: int = 256) -> Iterator[RawEvents]:
        """The events in order, at most `n` at a time (an event is 104 kB)."""
        for start in range(0, self.n_events, n):
            yield self._events(start, min(start + n, self.n_events), with_samples=True)

    def _events(self, start: int, stop: int, with_samples: bool) -> RawEvents:
        if not self._has_events:
            none = np.empty(0)
            return RawEvents(
                np.empty((0, 0, N_SAMPLES), np.uint16), none.astype(np.uint8), *[none.astype(int)] * 2, *[none] * 2
            )
        names = ["fStereoEvtNumber", "fDAQEvtNumber", "fTimeDiff"]
        branches = [f"MRawEvtHeader.{name}" for name in names]
        times = [f"MTime.{name}" for name in ("fMjd", "fTime.fMilliSec", "fNanoSec")]
        wanted = [*branches, *times, "MTriggerPattern.fPrescaled", *([SAMPLES] if with_samples else [])]
        columns = self._file.read("Events", wanted, start, stop)
        stored = columns.get(SAMPLES)
        return RawEvents(
            samples=np.empty((stop - start, 0, N_SAMPLES), np.uint16) if stored is None else _from_bytes(stored),
            pattern=columns["MTriggerPattern.fPrescaled"],
            stereo_number=columns[branches[0]],
            daq_number=columns[branches[1]],
            seconds=from_mtime("MTime", columns)[1],
            time_diff_s=columns[branches[2]],
        )


def _text(values: np.ndarray) -> str:
    return bytes(np.asarray(values, np.int8)[0]).split(b"\0")[0].decode(errors="replace")


def _read_info(file: RootInput) -> RunInfo:
    """The header of a file."""
    names = [n for n in file.branches("RunHeaders") if n.startswith("MRawRunHeader.")]
    head = file.read("RunHeaders", names)
    number = lambda name: int(head[f"MRawRunHeader.{name}"][0])  # noqa: E731
    (day,), (start,) = from_mtime("MRawRunHeader.fRunStart", head)
    _, (stop,) = from_mtime("MRawRunHeader.fRunStop", head)
    run_type = number("fRunType")
    return RunInfo(
        run=number("fRunNumber"),
        subrun=number("fSubRunIndex"),
        telescope=number("fTelescopeNumber"),
        is_mc=run_type == headers.RUN_TYPE_MC,
        source=_text(head["MRawRunHeader.fSourceName[80]"]),
        source_ra_deg=float(head["MRawRunHeader.fSourceRA"][0]) / 3600 * 15,
        source_dec_deg=float(head["MRawRunHeader.fSourceDEC"][0]) / 3600,
        mode=_text(head["MRawRunHeader.fObservationMode[60]"]),
        project=_text(head["MRawRunHeader.fProjectName[100]"]),
        day=int(day),
        start_s=float(start),
        stop_s=float(stop),
        sampling_mhz=number("fSamplingFrequency"),
        n_samples=number("fNumSamplesHiGain"),
        run_type=0 if run_type == headers.RUN_TYPE_MC else run_type,
    )
