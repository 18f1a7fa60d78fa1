"""The command line: one verb a function, what it prints and which code it ends with.

Exit codes: 0 done; 1 it could not be done (the reason is on standard error); 2 the command itself
or a setting is wrong; 130 interrupted.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from edge import __version__, serving, settings
from edge.cli import commands
from edge.cli import jobs as jobs_module
from edge.cli import models as models_module
from edge.cli import render as render_module
from edge.errors import (
    DuplicateParameter,
    EdgeError,
    FeedRejected,
    InvalidParameter,
    InvalidPath,
    SettingsError,
    UnknownParameter,
)
from edge.settings import Settings

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_CODES = "exit codes: 0 done, 1 could not be done, 2 wrong usage or settings, 130 interrupted"

_MISSPELT = (
    SettingsError, FeedRejected, InvalidParameter, UnknownParameter, DuplicateParameter, InvalidPath
)  # fmt: skip
"""What the person who typed the command can mend in it."""

_Verb = Callable[[argparse.Namespace, Settings], int]


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. Wrong usage raises `SystemExit(2)`, as argparse."""
    options = _options(arguments)
    verb: _Verb = options.verb
    try:
        code = verb(options, settings.load())
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has left, as `head` does; what is still in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except _MISSPELT as error:
        print(f"edge: {_told(error)}", file=sys.stderr)
        return USAGE
    except EdgeError as error:
        print(f"edge: {_told(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """What argparse makes of them; files and a query may stand behind options, too."""
    known = parser()
    options, left = known.parse_known_args(arguments)
    if left and (not hasattr(options, "inputs") or any(one.startswith("-") for one in left)):
        known.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        options.inputs += left
    return options


def _told(error: EdgeError) -> str:
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
        f"lists them.\n{_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument("--version", action="version", version=f"edge {__version__}")
    verbs = main.add_subparsers(metavar="COMMAND", required=True)
    adders = (
        _add_serve, _add_render, _add_explain, _add_verify, _add_sign, _add_purge, _add_models,
        _add_triton, _add_worker, _add_prewarm, _add_jobs,
    )  # fmt: skip
    for add in adders:
        add(verbs)
    return main


_Verbs = argparse._SubParsersAction


def _verb(
    verbs: "_Verbs[argparse.ArgumentParser]", name: str, does: _Verb, help: str, *examples: str
) -> argparse.ArgumentParser:
    """One verb; `examples` are whole command lines."""
    shown = "".join(f"  {example}\n" for example in examples)
    added = verbs.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog=f"examples:\n{shown}\n{_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.set_defaults(verb=does)
    return added


def _add_file(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", type=Path, metavar="FILE", help="the original")
    verb.add_argument(
        "query", nargs="?", default="", metavar="QUERY", help="as in a URL: 'fmt=webp&w=800'"
    )


def _add_serve(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    serve = _verb(
        verbs, "serve", _serve,
        "run the server until SIGTERM or Ctrl-C; requests under way are finished",
        "edge serve",
        "EDGE_ORIGIN_URL=/my/photos EDGE_SERVER_PORT=9000 edge serve",
        "EDGE_ORIGIN_URL=s3://raw/catalogue EDGE_CACHE_REDIS_URL=redis://cache:6379/0 edge serve",
    )  # fmt: skip
    rows = "\n".join(f"  {row.variable}\n      {row.help}" for row in settings.rows())
    serve.epilog = f"{serve.epilog}\n\nsettings:\n{rows}"


def _serve(options: argparse.Namespace, given: Settings) -> int:
    serving.serve(given)
    return DONE


def _add_render(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    render = _verb(
        verbs, "render", _render,
        "make renditions of files, without a server, and tell how each holds its preset's rules",
        "edge render chair.jpg 'w=800' -o chair-800.webp",
        "edge render chair.jpg 'fmt=amazon&strict=1' -o chair-amazon.jpg",
        "edge render photos/ --preset amazon --preset etsy -o export/ --json",
        "edge render - 'w=800' -o - < chair.jpg > chair-800.jpg",
    )  # fmt: skip
    render_module.fill(render)


def _render(options: argparse.Namespace, given: Settings) -> int:
    return DONE if render_module.run(options, given) else FAILED


def _add_explain(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    explain = _verb(
        verbs, "explain", _explain,
        "show what would be done with a file: facts, analysis and plan, as JSON",
        "edge explain chair.jpg 'fmt=amazon&w=2048'",
    )  # fmt: skip
    _add_file(explain)


def _explain(options: argparse.Namespace, given: Settings) -> int:
    explained = asyncio.run(commands.explain_file(given, options.file, options.query))
    print(json.dumps(explained, indent=2))
    return DONE


def _add_verify(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    verify = _verb(
        verbs, "verify", _verify,
        "hold finished pictures against the rules of a preset; 1 if any breaks one",
        "edge verify main.jpg --for amazon",
        "edge verify exported/*.jpg --for walmart --json",
        "edge verify exported/*.jpg --for walmart --manifest exported/manifest.jsonl",
        "edge verify 'https://img.shop.example/sku/123.jpg?fmt=amazon' --for amazon",
        "edge verify main.jpg --for amazon --url 'https://img.shop.example/sku/1.jpg?fmt=amazon'",
    )  # fmt: skip
    verify.add_argument(
        "files", nargs="+", metavar="FILE", help="or a URL of a server: what it says there counts"
    )
    verify.add_argument("--for", dest="preset", required=True, metavar="PRESET")
    verify.add_argument(
        "--manifest", type=Path, metavar="FILE",
        help="of a job's export: believe what it says of the same bytes",
    )  # fmt: skip
    verify.add_argument(
        "--url", metavar="URL",
        help="where FILE was downloaded: believe what the server says of the same bytes",
    )  # fmt: skip
    verify.add_argument(
        "--anew", action="store_true",
        help="judge by the file alone, also what edge made and has judged",
    )  # fmt: skip
    verify.add_argument("--json", action="store_true", help="reports as JSON, one list")


def _verify(options: argparse.Namespace, given: Settings) -> int:
    preset = commands.preset_named(given, options.preset)
    verifying = commands.verify_files(
        given,
        options.files,
        preset,
        manifest=options.manifest,
        url=options.url,
        anew=options.anew,
    )
    verdicts = asyncio.run(verifying)
    if options.json:
        print(json.dumps([verdict.as_facts() for verdict in verdicts], indent=2))
    else:
        for verdict in verdicts:
            print(f"{verdict.file}: {verdict.summary}")
            _print_table(verdict.rows)
    return DONE if all(verdict.passed for verdict in verdicts) else FAILED


def _add_sign(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    sign = _verb(
        verbs, "sign", _sign,
        "sign a URL with the first key of EDGE_SIGNING_KEYS, or the one of --kid",
        "edge sign '/sku/123.jpg?w=800'",
        "edge sign 'https://img.shop.example/sku/123.jpg?fmt=amazon' --expires 3600",
    )  # fmt: skip
    sign.add_argument("url", metavar="URL", help="such as '/sku/123.jpg?w=800', host or none")
    sign.add_argument("--expires", type=int, metavar="SECONDS", help="valid from now for so long")
    sign.add_argument("--kid", metavar="KID", help="the key to sign with")


def _sign(options: argparse.Namespace, given: Settings) -> int:
    print(commands.sign_url(given, options.url, expires=options.expires, kid=options.kid))
    return DONE


def _add_purge(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    purge = _verb(
        verbs, "purge", _purge,
        "remove renditions from every tier of a running server (EDGE_ADMIN_TOKEN is its token)",
        "edge purge --original /sku/123.jpg",
        "edge purge --preset amazon --server https://img.shop.example",
    )  # fmt: skip
    what = purge.add_mutually_exclusive_group(required=True)
    what.add_argument("--original", metavar="PATH", help="every rendition of one original")
    what.add_argument("--preset", metavar="NAME", help="every rendition of one preset")
    what.add_argument("--tag", metavar="TAG", help="what carries a tag (see Cache-Tag)")
    what.add_argument("--key", metavar="KEY", help="one rendition (see explain)")
    purge.add_argument(
        "--server", metavar="URL", help="default: EDGE_SERVER_HOST and EDGE_SERVER_PORT"
    )


def _purge(options: argparse.Namespace, given: Settings) -> int:
    names = ("original", "preset", "tag", "key")
    [(name, value)] = [(n, v) for n in names if (v := getattr(options, n)) is not None]
    answered = commands.purge(given, options.server, name, value)
    print(json.dumps(answered, indent=2))
    return FAILED if "unreached" in answered else DONE


def _add_models(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    models = _verb(
        verbs, "models", _models,
        "list the networks, check their known answers, time them, or add one made elsewhere",
        "edge models",
        "edge models check",
        "EDGE_TRITON_URL=grpc://127.0.0.1:8001 edge models bench",
        "edge models add u2net.onnx --as matting",
    )  # fmt: skip
    models_module.fill(models, _CODES)


def _models(options: argparse.Namespace, given: Settings) -> int:
    good, rows = models_module.table(options, given)
    _print_table(rows)
    return DONE if good else FAILED


def _add_triton(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    triton = _verb(
        verbs, "triton", _triton,
        "run the real Triton server on the model repository, on this machine",
        "edge triton",
        "edge triton --grpc-port 9001 -- --log-verbose=1",
    )  # fmt: skip
    triton.add_argument("--http-port", type=int, default=8000, metavar="PORT")
    triton.add_argument("--grpc-port", type=int, default=8001, metavar="PORT")
    triton.add_argument("--metrics-port", type=int, default=8002, metavar="PORT")
    triton.add_argument("options", nargs="*", metavar="OPTION", help="for tritonserver, after --")


def _triton(options: argparse.Namespace, given: Settings) -> int:
    ports = (options.http_port, options.grpc_port, options.metrics_port)
    return DONE if commands.run_triton(given, ports, options.options) == 0 else FAILED


def _add_worker(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    worker = _verb(
        verbs, "worker", _worker,
        "work on jobs from the queue in Redis until SIGTERM or Ctrl-C",
        "EDGE_CACHE_REDIS_URL=redis://cache:6379/0 EDGE_ORIGIN_URL=s3://raw edge worker",
        "edge worker --at-once 4 --metrics-port 9100",
    )  # fmt: skip
    jobs_module.fill_worker(worker)


def _worker(options: argparse.Namespace, given: Settings) -> int:
    return DONE if jobs_module.work(options, given) else FAILED


def _add_prewarm(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    prewarm = _verb(
        verbs, "prewarm", _prewarm,
        "make the pictures of a feed before anybody asks; 1 if any failed",
        "edge prewarm feed.csv --preset amazon --preset etsy --server https://img.shop.example",
        "edge prewarm feed.csv --preset amazon --to export --name '{sku}.MAIN.jpg'",
        "EDGE_CACHE_REDIS_URL=redis://cache:6379/0 edge prewarm feed.xml --preset etsy --watch",
    )  # fmt: skip
    jobs_module.fill_prewarm(prewarm)


def _prewarm(options: argparse.Namespace, given: Settings) -> int:
    return DONE if jobs_module.prewarm(options, given) else FAILED


def _add_jobs(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    jobs = _verb(
        verbs, "jobs", _jobs,
        "look at jobs on a server or in Redis, steer them, and see what they cost",
        "edge jobs list --server https://img.shop.example",
        "edge jobs show 20261127-101500-1a2b3c4d --items failed",
        "edge jobs retry 20261127-101500-1a2b3c4d",
        "edge jobs cost --dry-run feed.csv --preset amazon",
    )  # fmt: skip
    jobs_module.fill_jobs(jobs, _CODES)


def _jobs(options: argparse.Namespace, given: Settings) -> int:
    return DONE if jobs_module.jobs(options, given) else FAILED


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    """Rows of cells, each column as wide as its widest cell."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())
