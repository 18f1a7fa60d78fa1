"""One decoding process: bytes in, what came of them out.

    python -m tests.fuzz.target

Reads frames of four bytes of length and a body from its standard input, and answers each with one
line of JSON; before the first, a line says that it is ready. Everything that decodes runs in this
one process, so that a crash is a crash. With `FUZZ_ISOLATE=all` worker processes decode, as in a
server; one that has to be replaced is a crash as well.
"""

import gc
import hashlib
import json
import os
import resource
import struct
import sys
import time
import traceback
from typing import Any, BinaryIO

from edge.errors import EdgeError
from edge.images import Size
from edge.limits import Decode, Limits
from edge.rendering.source import libraries
from edge.rendering.source.decode import Decoded, decode
from edge.rendering.source.facts import Facts
from edge.rendering.source.probe import read_facts

LIMITS = Limits(pixels=8_000_000, frames=50)
ISOLATE = os.environ.get("FUZZ_ISOLATE", "none")
ROOM = 4 * 2**30
"""Bytes of address space: what asks for more is told so, before the machine swaps."""


_REPLACED: list[str] = []


def answer(body: bytes) -> dict[str, Any]:
    """`kind` is picture, refused or escaped (an error that is none of ours); `digest` is of all
    that was found out; `seconds` of processor time, `peak` bytes of memory."""
    _reset_peak()
    start = time.process_time()
    try:
        said = _said(body)
    except EdgeError as error:
        said = {"kind": "refused", "digest": type(error).__name__, "detail": error.detail[:200]}
    except Exception:
        said = {"kind": "escaped", "digest": "", "detail": traceback.format_exc()[-1500:]}
    if _REPLACED:
        said = {
            "kind": "crash",
            "digest": "",
            "detail": f"a worker had to be replaced: {_REPLACED}",
        }
        _REPLACED.clear()
    return {**said, "seconds": time.process_time() - start, "peak": _peak()}


def _said(body: bytes) -> dict[str, Any]:
    facts = read_facts(body, LIMITS)
    whole = decode(body, facts)
    small = decode(body, facts, target=Size(4, 4))
    if Size(*whole.image.size) != facts.size or whole.image.mode not in ("RGB", "RGBA"):
        raise AssertionError(f"{whole.image.size} {whole.image.mode} of {facts.size}")
    return {"kind": "picture", "digest": _digest(facts, whole, small), "detail": str(facts.size)}


def _digest(facts: Facts, *pictures: Decoded) -> str:
    found = hashlib.sha256(json.dumps(facts.as_dict(), sort_keys=True).encode())
    for picture in pictures:
        found.update(repr((picture.image.mode, picture.image.size, picture.notes)).encode())
        found.update(picture.image.tobytes())
    return found.hexdigest()


def _reset_peak() -> None:
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


def _peak() -> int:
    """Bytes of this process that were in memory at most since the last reset."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(source: BinaryIO, sink: BinaryIO) -> None:
    libraries.use(Decode(isolate=ISOLATE, workers=1), _REPLACED.append)
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.collect()
    gc.freeze()  # what stays is looked at no more after each input
    sink.write(b"{}\n")
    sink.flush()
    while head := source.read(4):
        body = source.read(struct.unpack(">I", head)[0])
        gc.collect()
        sink.write(json.dumps(answer(body)).encode() + b"\n")
        sink.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
