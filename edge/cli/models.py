"""`edge models`: its own verbs, and their options."""

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path

from edge.cli import models_commands
from edge.cli.commands import Table
from edge.cli.values import COUNT, INTEGER, read
from edge.errors import InvalidParameter, SettingsError
from edge.kinds import Kind, number
from edge.models.repository import FITS
from edge.settings import Settings
from edge.tools.add_model import request
from edge.tools.add_model.request import AddOptions

_ADD_EXAMPLES = """\
examples:
  edge models add u2net.onnx --as matting
  edge models add birefnet.onnx --as matting --side 1024 --normalise imagenet --replace
  edge models add isnet.onnx --as matting --normalise centred --answer minmax
  edge models add realesrgan-x4.onnx --as upscale_x4 --side 128 --overlap 24 --models /my/models

normalisations: imagenet ((x/255 - mean) / deviation of ImageNet), unit (0 to 1), signed (-1 to 1),
centred (-0.5 to 0.5), levels (0 to 255). What is not given is found out by asking the network known
pictures; what was decided, and why, is printed and stands in the README.md that is written.
The licence of the network is for you to look up.
"""

_FETCH_EXAMPLES = """\
examples:
  edge models fetch
  edge models fetch u2netp ppocr-det centerface
  edge models fetch u2net --as matting
  edge models fetch u2netp --models /srv/triton_models --replace

Networks go to EDGE_MODELS_FETCHED and serve from the next start on. What is fetched is checked
against its SHA-256; the licence of the weights is printed, and is for you to keep.
"""

_ABOUT = {
    "list": "what is in the folder; 1 if a role is not filled or a model is broken",
    "check": "check each network's answer to a known picture; 1 if any is wrong",
    "bench": "time each network, one piece and the largest batch",
}


def fill(models: argparse.ArgumentParser, codes: str) -> None:
    """Give the parser of `edge models` its verbs; `codes` explain the exit codes."""
    models.set_defaults(what="list", models=None)
    verbs = models.add_subparsers(metavar="VERB", dest="what", required=False)
    for name, about in _ABOUT.items():
        verb = verbs.add_parser(
            name, help=about, description=f"{about[0].upper()}{about[1:]}.", epilog=codes
        )
        _add_folder(verb)
        if name == "bench":
            verb.add_argument("names", nargs="*", metavar="NAME", help="by default all")
            verb.add_argument("--runs", type=COUNT, default=5, metavar="N", help="of each: 5")
    _fill_fetch(
        verbs.add_parser(
            "fetch",
            help="bring public networks of the table, or show the table",
            description="Fetch public networks, check their hashes, and add them. Without a NAME: "
            "which there are.",
            epilog=f"{_FETCH_EXAMPLES}\n{codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _fill_add(
        verbs.add_parser(
            "add",
            help="bring a public network (.onnx) behind our contract",
            description="Wrap a network made elsewhere so that it serves here: floats of its own "
            "become bytes of ours. Its folder is written whole, or not at all.",
            epilog=f"{_ADD_EXAMPLES}\n{codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )


def table(options: argparse.Namespace, given: Settings) -> tuple[bool, Table]:
    """Whether all is well, and what to print."""
    if options.what == "fetch":
        return _fetched(options, given)
    if options.models is not None:
        given = replace(given, models=replace(given.models, folder=str(options.models), fetched=""))
    what = options.what or "list"
    if what == "add":
        return True, asyncio.run(
            models_commands.add_model(given, options.file, _add_options(options))
        )
    names, runs = getattr(options, "names", ()), getattr(options, "runs", 5)
    return asyncio.run(models_commands.models_table(given, what, names, runs))


def _add_folder(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--models", type=Path, metavar="FOLDER", help="the repository; default EDGE_MODELS_FOLDER"
    )


def _fill_fetch(fetch: argparse.ArgumentParser) -> None:
    fetch.add_argument("names", nargs="*", metavar="NAME", help="as the table has them")
    fetch.add_argument("--as", dest="role", default="", choices=request.ROLES, help="another role")
    fetch.add_argument(
        "--models", type=Path, metavar="FOLDER", help="where to; default EDGE_MODELS_FETCHED"
    )
    fetch.add_argument("--replace", action="store_true", help="also a model that was not fetched")
    fetch.add_argument("--quiet", action="store_true", help="say only what is new or missing")


def _fetched(options: argparse.Namespace, given: Settings) -> tuple[bool, Table]:
    folder = options.models or given.models.fetched_folder
    if not folder:
        raise SettingsError("EDGE_MODELS_FETCHED is empty; say --models FOLDER")
    if not options.names:
        return True, models_commands.public_table(Path(folder))
    if options.role and len(options.names) > 1:
        raise InvalidParameter("--as is for one network", param="--as", allowed="one NAME")
    return asyncio.run(
        models_commands.fetch_models(
            Path(folder), options.names, role=options.role, replace=options.replace,
            quiet=options.quiet,
        )
    )  # fmt: skip


def _fill_add(add: argparse.ArgumentParser) -> None:
    add.add_argument("file", type=Path, metavar="FILE.onnx")
    add.add_argument(
        "--as", dest="role", required=True, choices=request.ROLES, help="what it is for"
    )
    add.add_argument("--name", default="", help="its name in the repository: default the role's")
    _add_folder(add)
    add.add_argument("--replace", action="store_true", help="put it in the place of another")
    way = add.add_argument_group("what it takes and gives, where that is not to be found out")
    way.add_argument("--side", type=INTEGER, metavar="PX", help="of its input, where that is free")
    way.add_argument(
        "--free", action="store_true", help="sizes in the file are of an example: it takes any"
    )
    way.add_argument("--layout", choices=request.LAYOUTS)
    way.add_argument("--order", choices=request.ORDERS, default="rgb", help="of channels: rgb")
    way.add_argument("--normalise", choices=tuple(request.SCALINGS))
    way.add_argument("--mean", type=_TRIPLE, metavar="R,G,B", help="0 to 1, with --std")
    way.add_argument("--std", type=_TRIPLE, metavar="R,G,B", help="0 to 1, with --mean")
    way.add_argument("--output", metavar="NAME", help="which of several outputs")
    way.add_argument(
        "--answer", choices=tuple(dict.fromkeys((*request.ALPHAS, *request.PICTURES))),
        help="its numbers: logits (sigmoid), 0 to 1 (unit), 0 to 255 (levels), to be stretched "
        "(minmax; a matte), -1 to 1 (signed; a picture)",
    )  # fmt: skip
    way.add_argument(
        "--fit", choices=FITS,
        help="of a picture that is not square: stretched for a matte, else letterboxed",
    )  # fmt: skip
    way.add_argument("--overlap", type=INTEGER, metavar="PX", help="of an upscaler's tiles")
    way.add_argument("--batch", type=INTEGER, metavar="N", help="the largest: default 8, if it can")
    way.add_argument(
        "--unproven", action="store_true",
        help="add it even if its matte of a drawn disc is flat (networks for people only), or "
        "fields of its enlargement are far from the source",
    )  # fmt: skip


def _add_options(options: argparse.Namespace) -> AddOptions:
    return AddOptions(
        role=options.role,
        name=options.name,
        scaling=request.scaling_of(options.normalise, options.mean, options.std),
        side=options.side,
        layout=options.layout,
        order=options.order,
        output=options.output,
        answer=options.answer,
        fit=options.fit,
        overlap=options.overlap,
        batch=options.batch,
        free=options.free,
        replace=options.replace,
        unproven=options.unproven,
    )


def _triple(text: str) -> request.Triple:
    """`0.485,0.456,0.406`, or one number for all three."""
    numbers = tuple(number(part.strip()) for part in text.split(","))
    red, green, blue = numbers * 3 if len(numbers) == 1 else numbers
    return red, green, blue


_TRIPLE = read(Kind(_triple, "one number, or three with commas"))
