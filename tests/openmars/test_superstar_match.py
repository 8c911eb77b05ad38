"""Which events and which files belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmars.core import InputError
from openmars.stereo.match import common_events, pair_files

NUMBERS = st.lists(st.integers(0, 30), max_size=25).map(lambda values: np.array(values, np.uint32))


@given(NUMBERS, NUMBERS)
def test_matched_events_have_one_number_once_in_both(first: np.ndarray, second: np.ndarray) -> None:
    a, b = common_events(first, second)
    np.testing.assert_array_equal(first[a], second[b])
    once = [n for n in range(1, 31) if (first == n).sum() == 1 and (second == n).sum() == 1]
    assert list(first[a]) == once


def test_files_pair_by_name_and_strays_are_left_out() -> None:
    m1 = [Path(f"20210314_M1_05095172.00{n}_I_CrabNebula-W0.40+035.root") for n in (1, 2, 3)]
    m2 = [Path(f"20210314_M2_05095172.00{n}_I_CrabNebula-W0.40+035.root") for n in (3, 2)]
    pairs = pair_files(m1, m2)
    assert [pair.first.name.split(".")[1][:3] for pair in pairs] == ["002", "003"]
    assert all(pair.first.name.replace("M1", "M2") == pair.second.name for pair in pairs)


def test_files_of_the_wrong_telescope_or_without_partner_are_refused() -> None:
    m1, m2 = Path("GA_M1_za05to35_8_1_I_w0.root"), Path("GA_M2_za05to35_8_2_I_w0.root")
    with pytest.raises(InputError, match="partner"):
        pair_files([m1], [m2])
    with pytest.raises(InputError, match="M1"):
        pair_files([m2], [m2])
