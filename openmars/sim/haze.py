"""Haze: aerosols beyond a clear night's, in a layer, so that light from above it is dimmed and light from below is not.

The optical depth of the layer falls off exponentially above its base, ``exp(-(h - base) / scale)``: with its base at
the telescopes it is dust such as the Calima, with a high base and a small scale a thin cloud. It may get thicker or
thinner in the course of a run. It is grey: the lidar's 532 nm and Cherenkov light are dimmed alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

CLOUD_M = 1000.0
"""A layer with its base higher than this is reported by the lidar as a cloud."""


@dataclass(frozen=True)
class Haze:
    """A layer of haze; heights in metres above the telescopes.

    Attributes
    ----------
    start, end
        Vertical transmission of the whole layer at the start and at the end of the run; the optical depth changes
        evenly in between.
    base, scale
        Where the layer begins, and the height over which its extinction falls to 1/e.

    Examples
    --------
    >>> layer = Haze(0.6, 0.8, scale=1200.0)
    >>> layer.transmission([0.0, 1200.0, 9000.0], 0.0).round(3), layer.transmission(9000.0, 1.0).round(3)
    (array([1.   , 0.724, 0.6  ]), np.float64(0.8))
    """

    start: float = 1.0
    end: float = 1.0
    base: float = 0.0
    scale: float = 1200.0

    @property
    def there(self) -> bool:
        """Whether there is any."""
        return min(self.start, self.end) < 1.0

    @property
    def depths(self) -> tuple[float, float]:
        """Vertical optical depth of the whole layer at the start and at the end."""
        return -math.log(self.start), -math.log(self.end)

    def share(self, height_m: ArrayLike) -> NDArray[np.float64]:
        """Share of the layer's optical depth that is below heights."""
        return 1.0 - np.exp(-np.maximum(np.asarray(height_m, float) - self.base, 0.0) / self.scale)

    def transmission(self, height_m: ArrayLike, fraction: ArrayLike) -> NDArray[np.float64]:
        """Vertical transmission from heights down to the telescopes, after a fraction of the run."""
        first, last = self.depths
        return np.exp(-(first + (last - first) * np.asarray(fraction, float)) * self.share(height_m))


CLEAR = Haze()
"""None."""
