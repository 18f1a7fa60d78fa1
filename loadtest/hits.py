"""Memory hits against a bare starlette handler that answers the same body on the same uvicorn."""

import argparse
import tempfile
from pathlib import Path
from urllib.request import urlopen

from common import EDGE, ROOT, Run, free_port, in_turn, keep, ratios, server, wrk

QUERY = "w=480&fm=jpg"
BARE = """
import sys, uvicorn
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

body = Path(sys.argv[1]).read_bytes()

async def answer(request):
    return Response(body, media_type="image/jpeg")

uvicorn.run(Starlette(routes=[Route("/{path:path}", answer)]), port=int(sys.argv[2]),
            log_level="critical", access_log=False, loop="uvloop", http="httptools")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--query", default=QUERY)
    options = parser.parse_args()
    ours, bare = free_port(), free_port()
    url = f"http://127.0.0.1:{ours}/bottle.jpg?{options.query}"
    with (
        tempfile.TemporaryDirectory() as folder,
        server(
            [EDGE, "serve"], f"http://127.0.0.1:{ours}/-/healthz", {"EDGE_SERVER_PORT": str(ours)}
        ),
    ):
        body, script = Path(folder, "body"), Path(folder, "bare.py")
        with urlopen(url) as answer:
            body.write_bytes(answer.read())
        script.write_text(BARE)
        python = ROOT / ".venv" / "bin" / "python"
        with server([python, script, body, str(bare)], f"http://127.0.0.1:{bare}/"):

            def drive(name: str, target: str) -> Run:
                return wrk(name, target, seconds=options.seconds, connections=options.connections)

            results = in_turn(
                options.rounds,
                {
                    "edge": lambda: drive("edge", url),
                    "bare": lambda: drive("bare", f"http://127.0.0.1:{bare}/bottle.jpg"),
                },
            )
        found = ratios(results, "edge")
        keep("hits", results, ratios=found, body_bytes=body.stat().st_size)
    print(f"edge / bare starlette: {found['bare']:.2f} (asked for: at least 0.7)")


if __name__ == "__main__":
    main()
