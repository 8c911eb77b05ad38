"""The standard analysis: dark or nearly dark, clear, nominal high voltage, standard trigger, a point-like source."""

from automagic.kinds.base import Default, Kind

STANDARD = Kind(
    name="standard",
    summary="a point-like source in dark or nearly dark, clear nights",
    limits=(
        Default("zenith", (5.0, 50.0), "Monte Carlo za05to35 and za35to50, as named in MarsUtil and magic-cta-pipe"),
        Default("hv", ("nominal",), "reduced HV needs Monte Carlo tuned to it (MarsUtil)"),
        Default("trigger", ("standard",), "Sum-Trigger-II data need Monte Carlo and models of their own"),
        Default(
            "nsb",
            (0.0, 2.0),
            "levels 6/3.5 phe and Monte Carlo as it is: up to 2000 nA (MarsUtil), taken as twice dark",
        ),
        Default(
            "transmission", 0.85, "magic-cta-pipe; without the LIDAR's correction ([atmosphere]), with which it is 0.65"
        ),
        Default("cloudiness", 45.0, "CloudinessMax of MarsUtil's quate"),
    ),
)
