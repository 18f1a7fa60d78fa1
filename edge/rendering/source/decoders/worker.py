"""A worker process: decodes what it is handed, and can do nothing else.

Started by `pool` as a fresh interpreter, never as a copy of the server. It imports what it needs,
gives up files, network and further processes, and then answers one job after the other until its
socket closes.
"""

import gc
import io
import mmap
import os
import socket
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from PIL import Image

from edge.errors import EdgeError
from edge.images import Size
from edge.limits import Limits
from edge.rendering.engine import stock
from edge.rendering.source import decoders, headers
from edge.rendering.source.decoders import messages, sandbox
from edge.rendering.source.decoders.options import DecodeOptions, Loaded, translated

_KEPT = {"RGB": "RGBX"}
"""How an image is handed back where not as its mode says: as the engine keeps it."""

_ROWS = 256


def main(link_number: int, memory: int) -> None:
    """Answer jobs until the socket closes.

    Args:
        link_number: the socket's file descriptor.
        memory: bytes that this process may take for itself.
    """
    link = socket.socket(fileno=link_number)
    _warm_up()
    gc.collect()
    gc.freeze()  # what stays is looked at no more after each job
    sandbox.limit(memory)
    _hush()
    messages.send(link, {"ready": True, "sandbox": sandbox.close()})
    while True:
        try:
            job, files = messages.receive(link, files=2)
        except (EOFError, OSError):
            os._exit(0)
        sandbox.allow_seconds(job["seconds"])
        messages.send(link, _answer(job, *files))
        for file in files:
            os.close(file)
        gc.collect()


def _warm_up() -> None:
    """Import whatever a decoder imports late, while there are files to import it from."""
    for body in bodies(Image):
        header = headers.read(body, Limits())
        decoders.load(header.picture(body), DecodeOptions.of(header, Size(1, 1)))


def _hush() -> None:
    """What libraries print about hostile bytes is nobody's log line."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _answer(job: dict[str, Any], source: int, target: int) -> dict[str, Any]:
    request = DecodeOptions.from_json(job["options"])
    try:
        with translated(request.format), mmap.mmap(source, 0, prot=mmap.PROT_READ) as view:
            return {"planes": _hand_over(decoders.load(view[: job["length"]], request), target)}
    except EdgeError as error:
        return {
            "error": type(error).__name__,
            "detail": error.detail[:500],
            "allowed": str(error.allowed)[:500] if error.allowed else None,
        }


def _hand_over(loaded: Loaded, target: int) -> list[list[Any]]:
    """Write the planes one behind the other; what is not written stays zero."""
    planes: list[list[Any]] = []
    at = 0
    with mmap.mmap(target, 0) as room:
        for image in (loaded.image, loaded.alpha):
            if image is not None:
                planes.append([image.mode, image.width, image.height])
                for levels in _bands(image):
                    room[at : at + len(levels)] = levels
                    at += len(levels)
    return planes


def _bands(image: Image.Image) -> Iterator[bytes]:
    """Its pixels, some rows at a time: there need not be room for all of them twice."""
    for top in range(0, image.height, _ROWS):
        band = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
        yield band.tobytes("raw", _KEPT.get(image.mode, image.mode))


_STILLS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
_CODINGS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")


def bodies(image: ModuleType) -> Iterator[bytes]:
    """Files of 16 x 16 pixels; `image` is the module that makes them."""
    for plugin in ("Jpeg", "Png", "WebP", "Gif", "Avif", "Tiff"):
        stock.part(f"{plugin}ImagePlugin")
    picture = image.new("RGB", (16, 16), (200, 100, 50))
    for format in (*_STILLS, "HEIF"):
        yield _saved(picture, format)
    for coding in _CODINGS:
        yield _saved(picture, "TIFF", compression=coding)
    yield _saved(picture.convert("YCbCr"), "TIFF", compression="raw")
    yield _saved(picture.quantize(4), "TIFF", compression="raw")
    yield _saved(picture.convert("1"), "TIFF", compression="group4")


def _saved(picture: object, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)  # type: ignore[attr-defined]
    return stream.getvalue()
