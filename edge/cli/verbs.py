"""The verbs of the command line: a row each, with what they do and the options that they take."""

import argparse
import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge import serving, settings
from edge.cli import commands, jobs, jobs_options, models, render
from edge.cli.values import COUNT, PORT
from edge.settings import Settings

CODES = "exit codes: 0 done, 1 could not be done, 2 wrong usage or settings, 130 interrupted"


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        does: carries it out; whether all could be done.
        fill: gives its parser options.
        examples: whole command lines.
    """

    name: str
    does: Callable[[argparse.Namespace, Settings], bool]
    fill: Callable[[argparse.ArgumentParser], None]
    help: str
    examples: tuple[str, ...]


def _fill_serve(serve: argparse.ArgumentParser) -> None:
    rows = "\n".join(f"  {row.variable}\n      {row.help}" for row in settings.rows())
    serve.epilog = f"{serve.epilog}\n\nsettings:\n{rows}"


def _serve(options: argparse.Namespace, given: Settings) -> bool:
    serving.serve(given)
    return True


def _fill_file(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", type=Path, metavar="FILE", help="the original")
    verb.add_argument(
        "query", nargs="?", default="", metavar="QUERY", help="as in a URL: 'fmt=webp&w=800'"
    )


def _explain(options: argparse.Namespace, given: Settings) -> bool:
    explained = asyncio.run(commands.explain_file(given, options.file, options.query))
    print(json.dumps(explained, indent=2))
    return True


def _fill_verify(verify: argparse.ArgumentParser) -> None:
    verify.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="or a folder with pictures, or a URL of a server, whose verdict counts",
    )
    verify.add_argument("--for", dest="preset", required=True, metavar="PRESET")
    verify.add_argument(
        "--manifest", type=Path, metavar="FILE",
        help="of a job's export: its verdicts count for the same bytes",
    )  # fmt: skip
    verify.add_argument(
        "--url", metavar="URL",
        help="where FILE was downloaded: the server's verdict counts for the same bytes",
    )  # fmt: skip
    verify.add_argument(
        "--anew", action="store_true",
        help="judge by the file alone, also what edge made and has judged",
    )  # fmt: skip
    verify.add_argument("--json", action="store_true", help="reports as JSON, one list")


def _verify(options: argparse.Namespace, given: Settings) -> bool:
    preset = commands.preset_named(given, options.preset)
    verifying = commands.verify_files(
        given, options.files, preset, manifest=options.manifest, url=options.url, anew=options.anew
    )
    verdicts = asyncio.run(verifying)
    if options.json:
        print(json.dumps([verdict.as_facts() for verdict in verdicts], indent=2))
    else:
        for verdict in verdicts:
            print(f"{verdict.file}: {verdict.summary}")
            _print_table(verdict.rows)
    return all(verdict.passed for verdict in verdicts)


def _fill_sign(sign: argparse.ArgumentParser) -> None:
    sign.add_argument("url", metavar="URL", help="such as '/sku/123.jpg?w=800', host or none")
    sign.add_argument("--expires", type=COUNT, metavar="SECONDS", help="valid from now for so long")
    sign.add_argument("--kid", metavar="KID", help="the key to sign with")


def _sign(options: argparse.Namespace, given: Settings) -> bool:
    print(commands.sign_url(given, options.url, expires=options.expires, kid=options.kid))
    return True


def _fill_purge(purge: argparse.ArgumentParser) -> None:
    what = purge.add_mutually_exclusive_group(required=True)
    what.add_argument("--original", metavar="PATH", help="every rendition of one original")
    what.add_argument("--preset", metavar="NAME", help="every rendition of one preset")
    what.add_argument("--tag", metavar="TAG", help="what carries a tag (see Cache-Tag)")
    what.add_argument("--key", metavar="KEY", help="one rendition (see explain)")
    purge.add_argument(
        "--server", metavar="URL", help="default: EDGE_SERVER_HOST and EDGE_SERVER_PORT"
    )


def _purge(options: argparse.Namespace, given: Settings) -> bool:
    names = ("original", "preset", "tag", "key")
    [(name, value)] = [(n, v) for n in names if (v := getattr(options, n)) is not None]
    answered = commands.purge(given, options.server, name, value)
    print(json.dumps(answered, indent=2))
    return "unreached" not in answered


def _models(options: argparse.Namespace, given: Settings) -> bool:
    good, rows = models.table(options, given)
    _print_table(rows)
    return good


def _fill_triton(triton: argparse.ArgumentParser) -> None:
    triton.add_argument("--http-port", type=PORT, default=8000, metavar="PORT")
    triton.add_argument("--grpc-port", type=PORT, default=8001, metavar="PORT")
    triton.add_argument("--metrics-port", type=PORT, default=8002, metavar="PORT")
    triton.add_argument(
        "--gpu", choices=("auto", "on", "off"), default="auto",
        help="run the networks with CUDA 13; auto, the default: where there is an NVIDIA driver",
    )  # fmt: skip
    triton.add_argument("options", nargs="*", metavar="OPTION", help="for tritonserver, after --")


def _triton(options: argparse.Namespace, given: Settings) -> bool:
    ports = (options.http_port, options.grpc_port, options.metrics_port)
    gpu = None if options.gpu == "auto" else options.gpu == "on"
    return commands.run_triton(given, ports, options.options, gpu=gpu) == 0


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    """Rows of cells, each column as wide as its widest cell."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


VERBS = (
    Verb(
        "serve", _serve, _fill_serve,
        "run the server until SIGTERM or Ctrl-C; requests under way are finished",
        (
            "edge serve",
            "EDGE_ORIGIN_URL=/my/photos EDGE_SERVER_PORT=9000 edge serve",
            "EDGE_ORIGIN_URL=s3://raw/catalogue EDGE_CACHE_REDIS_URL=redis://cache:6379/0 "
            "edge serve",
        ),
    ),
    Verb(
        "render", render.run, render.fill,
        "make renditions of files, without a server, and report whether each meets its preset's "
        "rules",
        (
            "edge render chair.jpg 'w=800' -o chair-800.webp",
            "edge render chair.jpg 'fmt=amazon&strict=1' -o chair-amazon.jpg",
            "edge render photos/ --preset amazon --preset etsy -o export/ --json",
            "edge render - 'w=800' -o - < chair.jpg > chair-800.jpg",
        ),
    ),
    Verb(
        "explain", _explain, _fill_file,
        "show what would be done with a file: facts, analysis and plan, as JSON",
        ("edge explain chair.jpg 'fmt=amazon&w=2048'",),
    ),
    Verb(
        "verify", _verify, _fill_verify,
        "verify finished pictures against the rules of a preset; 1 if any breaks one",
        (
            "edge verify main.jpg --for amazon",
            "edge verify exported/*.jpg --for walmart --json",
            "edge verify exported/*.jpg --for walmart --manifest exported/manifest.jsonl",
            "edge verify 'https://img.shop.example/sku/123.jpg?fmt=amazon' --for amazon",
            "edge verify main.jpg --for amazon --url 'https://img.shop.example/sku/1.jpg?fmt=amazon'",
        ),
    ),
    Verb(
        "sign", _sign, _fill_sign,
        "sign a URL with the first key of EDGE_SIGNING_KEYS, or the one of --kid",
        (
            "edge sign '/sku/123.jpg?w=800'",
            "edge sign 'https://img.shop.example/sku/123.jpg?fmt=amazon' --expires 3600",
        ),
    ),
    Verb(
        "purge", _purge, _fill_purge,
        "remove renditions from every tier of a running server (EDGE_ADMIN_TOKEN is its token)",
        (
            "edge purge --original /sku/123.jpg",
            "edge purge --preset amazon --server https://img.shop.example",
        ),
    ),
    Verb(
        "models", _models, partial(models.fill, codes=CODES),
        "list the networks, check their known answers, time them, or add one made elsewhere",
        (
            "edge models",
            "edge models check",
            "EDGE_TRITON_URL=grpc://127.0.0.1:8001 edge models bench",
            "edge models add u2net.onnx --as matting",
        ),
    ),
    Verb(
        "triton", _triton, _fill_triton,
        "run the real Triton server on the model repository, on this machine",
        ("edge triton", "edge triton --grpc-port 9001 -- --log-verbose=1"),
    ),
    Verb(
        "worker", jobs.work, jobs_options.fill_worker,
        "work on jobs from the queue in Redis until SIGTERM or Ctrl-C",
        (
            "EDGE_CACHE_REDIS_URL=redis://cache:6379/0 EDGE_ORIGIN_URL=s3://raw edge worker",
            "edge worker --at-once 4 --metrics-port 9100",
        ),
    ),
    Verb(
        "prewarm", jobs.prewarm, jobs_options.fill_prewarm,
        "make the pictures of a feed before they are requested; 1 if any failed",
        (
            "edge prewarm feed.csv --preset amazon --preset etsy --server https://img.shop.example",
            "edge prewarm feed.csv --preset amazon --to export --name '{sku}.MAIN.jpg'",
            "EDGE_CACHE_REDIS_URL=redis://cache:6379/0 edge prewarm feed.xml --preset etsy --watch",
        ),
    ),
    Verb(
        "jobs", jobs.jobs, partial(jobs_options.fill_jobs, codes=CODES),
        "list and control jobs on a server or in Redis, and show what they cost",
        (
            "edge jobs list --server https://img.shop.example",
            "edge jobs show 20261127-101500-1a2b3c4d --items failed",
            "edge jobs retry 20261127-101500-1a2b3c4d",
            "edge jobs cost --dry-run feed.csv --preset amazon",
        ),
    ),
)  # fmt: skip
