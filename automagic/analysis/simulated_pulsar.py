"""``[simulate.pulsar]`` of ``site.toml``: a pulsar in the simulated source."""

from __future__ import annotations

from pydantic import Field

from automagic.analysis.fields import Declination, Energy, RightAscension, Section


class SimulatedPeak(Section):
    """``[[simulate.pulsar.peaks]]``: a pulse, Gaussian in phase, with a power law as its spectrum.

    `phase` and `width` (standard deviation) in turns; `amplitude` at the pulsar's reference energy in TeV-1 cm-2 s-1,
    average over a turn.
    """

    phase: float = Field(ge=0, lt=1)
    width: float = Field(gt=0, le=0.5)
    amplitude: float = Field(ge=0, le=1e-3)
    index: float = Field(gt=0, lt=10)


class SimulatedPulsar(Section):
    """``[simulate.pulsar]``: where it is (ICRS, degrees), how it turns, and its pulses.

    The phase is 0 at `epoch` (MJD, TDB) at the barycentre; `f0`, `f1`, `f2` in Hz, Hz/s, Hz/s². The defaults are near
    the Crab's (Manchester et al. 2005, AJ 129, 1993, carried on to 2013), without its noise and glitches.
    """

    ra: RightAscension = 83.633218
    dec: Declination = 22.014464
    epoch: float = Field(default=56580.0, gt=40000, lt=80000)
    f0: float = Field(default=29.68424, ge=0.01, le=2000)
    f1: float = -3.69698e-10
    f2: float = 1.1147e-20
    reference: Energy = 0.15
    peaks: list[SimulatedPeak] = Field(min_length=1)

    def card(self) -> dict[str, object]:
        """Return the keys of the simulator's card.

        Examples
        --------
        >>> peak = SimulatedPeak(phase=0.4, width=0.012, amplitude=6e-10, index=2.9)
        >>> SimulatedPulsar(peaks=[peak]).card()["Sim.PulsarPeaks"]
        '0.4 0.012 6e-10 2.9'
        """
        peaks = "; ".join(f"{each.phase!r} {each.width!r} {each.amplitude!r} {each.index!r}" for each in self.peaks)
        return {
            "Sim.PulsarPeaks": peaks,
            "Sim.PulsarReference": self.reference,
            "Sim.PulsarRA": self.ra,
            "Sim.PulsarDec": self.dec,
            "Sim.PulsarEpoch": self.epoch,
            "Sim.PulsarF0": self.f0,
            "Sim.PulsarF1": self.f1,
            "Sim.PulsarF2": self.f2,
        }
