"""The life of every program: options, card, log, exit code.

A program is a `Program` with a function that does the work. ``PROGRAM.run(argv)`` reads the command line in
the manner of MARS, reads the card, calls the function, writes which resources of the card nobody looked up,
and gives the exit code. What goes wrong ends in one line on the log and standard error.

The exit codes are those of the public fork of MARS: 2 for wrong arguments and failures, 253 for a bad
``--rc=``, 254 for a card that cannot be read. The form of the line on an untouched resource is our own;
that of MARS is not public.
"""

from __future__ import annotations

import errno
import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import openmars
from openmars.core.env import Env
from openmars.core.errors import EXIT_FAILURE, EXIT_OK, InputError, ProgramError
from openmars.core.log import DEBUG, ERROR, INFO, WARNING, Log

MRCFILES = Path(openmars.__file__).parent / "mrcfiles"
UNTOUCHED_HEADER = "Resources of the card that nobody looked up:"
UNTOUCHED_LINE = "Resource untouched: {key}: {value}"


@dataclass(frozen=True)
class Option:
    """An option: ``name`` with its dashes; ``value`` describes what follows ``=``, None for a switch."""

    name: str
    help: str
    value: str | None = None

    @property
    def key(self) -> str:
        """Name without dashes, as in `Context.options`."""
        return self.name.lstrip("-")


COMMON_OPTIONS = (
    Option("-b", "batch mode: no graphics (there are none; accepted)"),
    Option("-q", "quit when done (always; accepted)"),
    Option("-s", "save the status display (there is none; accepted)"),
    Option("-f", "overwrite existing output files"),
    Option("--config", "card to use instead of the default one", "FILE"),
    Option("--out", "folder for the output files", "DIR"),
    Option("--rc", "set a resource of the card, may be repeated", "NAME:VALUE"),
    Option("--debug-env", "accepted; untouched resources are always listed", "1|2|3"),
    Option("--log", "write the log to this file as well", "FILE"),
    Option("--no-colors", "plain text (always; accepted)"),
    Option("-a", "the same"),
    Option("--null", "write nothing on the terminal but errors"),
    Option("--version", "show the version and end"),
    Option("--help", "show this help and end"),
)
_ALIASES = {"-?": "--help", "-h": "--help", "-V": "--version", "-a": "--no-colors"}
_LOG_DEFAULT = "--log"


@dataclass
class Context:
    """What a program works with: its options, its card, its log, its files.

    Attributes
    ----------
    program : str
        Name of the program.
    options : dict
        By name without dashes: True/False for switches, text or None for the others.
    env : Env
        The card.
    card : Path
        Where it was read from.
    out : Path
        Folder for the outputs; exists.
    arguments : list of str
        The command line as given, without the program.
    """

    program: str
    options: dict[str, str | bool | None]
    env: Env
    card: Path
    out: Path
    arguments: list[str]
    _log: Log = field(repr=False)

    def log(self, message: str, level: int = INFO) -> None:
        """Write a line to the log; levels: ERROR 0, WARNING 1, INFO 2, DEBUG 3."""
        self._log.write(message, level)

    def fail(self, code: int, message: str) -> NoReturn:
        """End the program with this exit code."""
        raise ProgramError(message, code)

    def flag(self, name: str) -> bool:
        """Tell whether a switch was given."""
        return bool(self.options[name])

    def value(self, name: str, default: str | None = None) -> str:
        """Give the value of an option; ends the program when there is none and no default."""
        text = self.options[name]
        if isinstance(text, str) and text:
            return text
        if default is None:
            raise ProgramError(f"--{name}= is missing; see {self.program} --help")
        return default

    def inputs(self, pattern: str) -> list[Path]:
        """Expand a pattern of file names, sorted; no match ends the program."""
        paths = sorted(Path(name) for name in glob.glob(pattern))
        if not paths:
            raise InputError(f"{pattern}: no file matches")
        return paths

    def output(self, name: str) -> Path:
        """Give the path of an output file in `out`; one that exists is refused unless ``-f`` was given."""
        path = self.out / name
        if path.exists() and not self.flag("f"):
            raise ProgramError(f"{path}: exists; give -f to overwrite it")
        return path


@dataclass(frozen=True)
class Program:
    """One executable.

    Attributes
    ----------
    name : str
        As called.
    summary : str
        One line for the help.
    options : sequence of Option
        Those beyond the common ones.
    main : callable
        Does the work; gives the exit code.
    default_card : str
        Name of its card in ``mrcfiles``; empty if it needs none.
    positional : sequence of Option
        Words without dashes that must be given, in this order, after or between the options; their values are in
        `Context.options` as well.
    """

    name: str
    summary: str
    options: Sequence[Option]
    main: Callable[[Context], int]
    default_card: str
    positional: Sequence[Option] = ()

    def run(self, argv: Sequence[str]) -> int:
        """Run the program on a command line (without its name) and give the exit code."""
        log = Log()
        try:
            return self._run(list(argv), log)
        except ProgramError as error:
            log.write(f"{self.name}: {error}", ERROR)
            return error.code
        except OSError as error:
            log.write(f"{self.name}: {_explain(error)}", ERROR)
            return EXIT_FAILURE
        except KeyboardInterrupt:
            log.write(f"{self.name}: interrupted", ERROR)
            return 130
        finally:
            log.close()

    def _run(self, argv: list[str], log: Log) -> int:
        options, resources, verbosity = self._parse(argv)
        if options["help"]:
            print(self.help())
            return EXIT_OK
        if options["version"]:
            print(f"{self.name} (openmars {openmars_version()}, an open stand-in; this is not MARS)")
            return EXIT_OK
        if options["null"]:
            verbosity = ERROR
        name = options["log"]
        log.start(verbosity, Path(str(name)) if name else None)
        log.write(f"{self.name} of openmars {openmars_version()}, an open stand-in; this is not MARS")
        card = Path(str(options["config"] or MRCFILES / self.default_card))
        env = Env.read(card) if options["config"] or self.default_card else Env()
        for resource in resources:
            env.override(resource)
        out = Path(str(options["out"] or "."))
        out.mkdir(parents=True, exist_ok=True)
        code = self.main(Context(self.name, options, env, card, out, argv, log))
        _report(env, log)
        return code

    def _parse(self, argv: list[str]) -> tuple[dict[str, str | bool | None], list[str], int]:
        known = {option.name: option for option in (*COMMON_OPTIONS, *self.options)}
        options: dict[str, str | bool | None] = {
            option.key: False if option.value is None else None for option in known.values()
        }
        resources: list[str] = []
        places = [word for word in argv if self.positional and not word.startswith("-")]
        verbosity = INFO
        for word in argv:
            name, equals, value = word.partition("=")
            name = _ALIASES.get(name, name)
            if word in places:
                continue
            if re.fullmatch(r"-v\d", word):
                verbosity = int(word[2:])
            elif name not in known:
                raise ProgramError(self._unknown(word, list(known)))
            elif name == "--rc":
                resources.append(value)
            elif known[name].value is None:
                if equals:
                    raise ProgramError(f"{word}: {name} takes no value")
                options[known[name].key] = True
            elif name == _LOG_DEFAULT and not equals:
                options["log"] = f"{self.name}.log"
            elif not value:
                raise ProgramError(f"{word}: expected {name}={known[name].value}")
            else:
                options[known[name].key] = value
        if len(places) != len(self.positional) and not (options["help"] or options["version"]):
            wanted = " ".join(option.name for option in self.positional)
            raise ProgramError(f"expected {wanted}, found {' '.join(places) or 'none of them'}; see {self.name} --help")
        options |= {option.key: place for option, place in zip(self.positional, places, strict=False)}
        return options, resources, verbosity

    def _unknown(self, word: str, known: list[str]) -> str:
        from difflib import get_close_matches

        near = get_close_matches(word.partition("=")[0], known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"unknown option {word}{hint}; see {self.name} --help"

    def help(self) -> str:
        """Describe the program and its options."""
        usage = " ".join([self.name, "[options]", *(option.name for option in self.positional)])
        lines = [f"{self.name}: {self.summary}", "", f"usage: {usage}", ""]
        for option in (*self.positional, *self.options, *COMMON_OPTIONS):
            name = option.name if option.value is None else f"{option.name}={option.value}"
            lines.append(f"  {name:<28} {option.help}")
        lines.append(f"  {'-v#':<28} how much to log: 0 errors, 1 warnings, 2 what is done, 3 details")
        lines += ["", f"Default card: {f'openmars/mrcfiles/{self.default_card}' if self.default_card else 'none'}"]
        lines += ["This is openmars, an open stand-in; it is not MARS."]
        return "\n".join(lines)


def openmars_version() -> str:
    """Give the version of openmars."""
    return str(getattr(openmars, "__version__", "0.1.0"))


def _report(env: Env, log: Log) -> None:
    for message in env.messages:
        log.write(message, WARNING)
    untouched = env.untouched()
    if untouched:
        log.write(UNTOUCHED_HEADER, ERROR, error=False)
        for key, value in untouched.items():
            log.write(UNTOUCHED_LINE.format(key=key, value=value), ERROR, error=False)


def _explain(error: OSError) -> str:
    name = f"{error.filename}: " if error.filename else ""
    hint = "; make room and start again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"{name}{error.strerror or error}{hint}"


__all__ = [
    "COMMON_OPTIONS",
    "DEBUG",
    "ERROR",
    "INFO",
    "MRCFILES",
    "WARNING",
    "Context",
    "InputError",
    "Option",
    "Program",
    "ProgramError",
]
