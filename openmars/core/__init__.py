"""What every program shares: cards, options, log, life cycle, errors."""

from openmars.core.env import Env, TaskEnv
from openmars.core.errors import InputError, ProgramError
from openmars.core.program import DEBUG, ERROR, INFO, WARNING, Context, Option, Program

__all__ = [
    "DEBUG",
    "ERROR",
    "INFO",
    "WARNING",
    "Context",
    "Env",
    "InputError",
    "Option",
    "Program",
    "ProgramError",
    "TaskEnv",
]
