"""Reading any of MAGIC's file names, and saying why another is none.

Sources: the regular expressions of ctapipe_io_magic, magic-cta-pipe and lstosa, the data of joint-crab and
gammapy-data, the scripts of MarsUtil.
"""

from __future__ import annotations

import re

from automagic.naming.data import DataName, parse_data
from automagic.naming.mc import McName, parse_mc
from automagic.naming.parts import PER_TELESCOPE
from automagic.naming.summary import SummaryName, parse_summary

__all__ = ["OTHER", "PER_TELESCOPE", "REASONS", "parse", "reason"]

REASONS = (
    (r"[\x00-\x1f\x7f]", "it has a line break or another control character"),
    (r"\\x[0-9a-f]{2}", "it has bytes that are not UTF-8, shown as \\xff"),
    (r"^\.", "it is hidden: another program's temporary file?"),
    (r"\.(?:tmp|part|partial|temp|filepart|crdownload)$", "it looks like a transfer that has not ended"),
    (
        r"^[0-9]{8}_M[12]_[0-9]{8}(?:\.[0-9]+)?_(?:S|Q|DL3)_",
        "superstar, melibea and DL3 files are of a whole run: no telescope, no subrun",
    ),
    (r"^[0-9]{8}_[0-9]{8}(?:\.[0-9]+)?_[DPCLNYI]_", "it has no telescope (M1 or M2) where its level has one"),
    (r"^[0-9]{8}_M[12]_[0-9]{8}_[DPCLNYI]_", "it has no subrun (.001) where its level has one"),
    (r"^[0-9]{8}_M[^12_]*_", "there are only the telescopes M1 and M2"),
    (
        r"^[0-9]{8}_(?:M[12]_)?[0-9]{8}(?:\.[0-9]{3})?_[DPCLNYISQ][DL3]*_",
        "its source, wobble position or extension is none",
    ),
    (r"^[0-9]{8}_", "it begins with a night, but does not go on like 20210314_M1_05095172.001_Y_Crab-W0.40+035.root"),
    (r"^GA_", "it begins like Monte Carlo, but does not go on like GA_M1_za35to50_8_824318_Y_w0.root"),
    (r"^(?:scalib|ssignal|star|superstar|melibea)", "it begins like a summary, but is not like superstar05095172.root"),
)
"""Pattern (searched for) and what it says about a name that is none of MAGIC's; the first that fits counts."""

OTHER = "it is like none of MAGIC's names"


def parse(name: str) -> DataName | McName | SummaryName:
    """Read a file name.

    Parameters
    ----------
    name
        The name without its folder.

    Returns
    -------
    DataName, McName or SummaryName
        Such that ``str`` of it is `name` again.

    Raises
    ------
    ValueError
        Where it is none of MAGIC's names; the message says why.

    Examples
    --------
    >>> parse("20201119_M1_05093711.001_Y_1ES1218+304-W0.40+000.root").source
    '1ES1218+304'
    """
    try:
        result = _parse(name)
    except ValueError as error:
        raise ValueError(f"{name!r} is not a MAGIC file name: {error}") from None
    if result is None:
        raise ValueError(f"{name!r} is not a MAGIC file name: {reason(name)}")
    return result


def _parse(name: str) -> DataName | McName | SummaryName | None:
    return parse_data(name) or parse_mc(name) or parse_summary(name)


def reason(name: str) -> str:
    """Say why a name is none of MAGIC's.

    Examples
    --------
    >>> reason("20210314_M3_05095172.001_Y_CrabNebula-W0.40+035.root")
    'there are only the telescopes M1 and M2'
    >>> reason("20210231_05095172_S_CrabNebula.root")
    'there is no day 2021-02-31'
    """
    try:
        if _parse(name) is not None:
            return ""
    except ValueError as error:
        return str(error)
    return next((words for pattern, words in REASONS if re.search(pattern, name)), OTHER)
