"""The command line: parses arguments, runs a verb, returns its exit code.

Exit codes: 0 done; 1 it could not be done (the reason is on standard error); 2 the command itself
or a setting is wrong; 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from edge import __version__, settings
from edge.cli import local
from edge.cli.verbs import CODES, VERBS, Verb
from edge.errors import (
    DuplicateParameter,
    EdgeError,
    FeedRejected,
    InvalidParameter,
    InvalidPath,
    SettingsError,
    UnknownParameter,
)

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

_MISSPELT = (
    SettingsError, FeedRejected, InvalidParameter, UnknownParameter, DuplicateParameter, InvalidPath
)  # fmt: skip
"""Errors that the caller of the command can correct."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. Wrong usage raises `SystemExit(2)`, as argparse."""
    _open_streams()
    options = _options(arguments)
    verb: Verb = options.verb
    try:
        done = verb.does(options, settings.load())
        sys.stdout.flush()
        return DONE if done else FAILED
    except BrokenPipeError:
        local.read_by_nobody(sys.stdout)
        return DONE
    except _MISSPELT as error:
        print(f"edge: {_described(error)}", file=sys.stderr)
        return USAGE
    except EdgeError as error:
        print(f"edge: {_described(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_streams() -> None:
    """Standard streams that were closed give nothing and take all, as where the reader has left;
    the lowest number that is free is the closed one's."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as it runs


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """What argparse makes of them; files and a query may stand behind options, too."""
    known = parser()
    options, left = known.parse_known_args(arguments)
    if left and (not hasattr(options, "inputs") or any(one.startswith("-") for one in left)):
        known.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        options.inputs += left
    return options


def _described(error: EdgeError) -> str:
    lines = [error.detail]
    if error.param:
        lines.append(f"parameter: {error.param}")
    if error.allowed:
        allowed = error.allowed if isinstance(error.allowed, str) else ", ".join(error.allowed)
        lines.append(f"allowed: {allowed}")
    if error.nearest:
        lines.append(f"did you mean: {error.nearest}")
    return "\n  ".join(lines)


def parser() -> argparse.ArgumentParser:
    """All verbs with their options."""
    main = argparse.ArgumentParser(
        prog="edge",
        description="One photo, any rendition by URL.",
        epilog="Settings are environment variables EDGE_<SECTION>_<FIELD>; `edge serve --help` "
        f"lists them.\n{CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument("--version", action="version", version=f"edge {__version__}")
    verbs = main.add_subparsers(metavar="COMMAND", required=True)
    for verb in VERBS:
        shown = "".join(f"  {example}\n" for example in verb.examples)
        added = verbs.add_parser(
            verb.name,
            help=verb.help,
            description=f"{verb.help[0].upper()}{verb.help[1:]}.",
            epilog=f"examples:\n{shown}\n{CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(verb=verb)
        verb.fill(added)
    return main
