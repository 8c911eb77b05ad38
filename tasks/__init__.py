"""doit task creators, one file a stage. Each only asks the analysis for the tasks of its stage."""

from tasks.coach import task_coach
from tasks.constants import task_constants
from tasks.flux import task_flux
from tasks.haze import task_haze
from tasks.index import task_index
from tasks.levels import task_levels
from tasks.lightcurve import task_lightcurve
from tasks.magic_dl3 import task_magic_dl3
from tasks.mark import task_mark
from tasks.melibea import task_melibea
from tasks.merpp import task_merpp
from tasks.part import task_part
from tasks.phase import task_phase
from tasks.phaseogram import task_phaseogram
from tasks.pulsar_spectrum import task_pulsar_spectrum
from tasks.quate import task_quate
from tasks.selectmc import task_selectmc
from tasks.sim import task_sim
from tasks.skymap import task_skymap
from tasks.sorcerer import task_sorcerer
from tasks.sources import task_sources
from tasks.spectrum import task_spectrum
from tasks.stage import task_stage
from tasks.star import task_star
from tasks.superstar import task_superstar
from tasks.test import task_test
from tasks.theta2 import task_theta2

__all__ = [
    "task_coach",
    "task_constants",
    "task_flux",
    "task_haze",
    "task_index",
    "task_levels",
    "task_lightcurve",
    "task_magic_dl3",
    "task_mark",
    "task_melibea",
    "task_merpp",
    "task_part",
    "task_phase",
    "task_phaseogram",
    "task_pulsar_spectrum",
    "task_quate",
    "task_selectmc",
    "task_sim",
    "task_skymap",
    "task_sorcerer",
    "task_sources",
    "task_spectrum",
    "task_stage",
    "task_star",
    "task_superstar",
    "task_test",
    "task_theta2",
]
