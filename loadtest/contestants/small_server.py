"""A picture server on pyvips or on the imaging engine alone: /<file>?w=&fm=&q=&effort=.

Usage: small_server.py vips|engine FOLDER PORT. Nothing is verified, limited, cached or isolated.
"""

import io
import os
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Semaphore
from urllib.parse import parse_qsl, urlsplit

Made = Callable[[Path, int, str, int, int], bytes]


def by_vips(path: Path, width: int, format: str, quality: int, effort: int) -> bytes:
    import pyvips

    image = pyvips.Image.thumbnail(str(path), width, height=10_000_000)
    options = {
        "jpg": {"Q": quality, "optimize_coding": True},
        "webp": {"Q": quality, "effort": 4},
        "avif": {"Q": quality, "effort": effort, "subsample_mode": "on"},
    }[format]
    return bytes(image.write_to_buffer(f".{format}", keep="none", **options))


def by_engine(path: Path, width: int, format: str, quality: int, effort: int) -> bytes:
    from PIL import Image, ImageOps

    if format == "avif":
        import pillow_avif  # noqa: F401
    image = Image.open(path)
    height = round(image.height * width / image.width)
    image.draft("RGB", (width, height))
    image = ImageOps.exif_transpose(image).resize((width, height), Image.Resampling.LANCZOS)
    options = {
        "jpg": {"quality": quality, "optimize": True},
        "webp": {"quality": quality, "method": 4},
        "avif": {"quality": quality, "speed": 9 - effort, "max_threads": 1},
    }[format]
    stream = io.BytesIO()
    image.save(stream, {"jpg": "JPEG"}.get(format, format.upper()), **options)
    return stream.getvalue()


def main() -> None:
    engine, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    made: Made = {"vips": by_vips, "engine": by_engine}[engine]
    places = Semaphore(os.cpu_count() or 1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = dict(parse_qsl(url.query))
            kind, body = "text/plain", b"ready"
            if asked:
                with places:
                    body = made(
                        folder / url.path[1:], int(asked["w"]), asked["fm"], int(asked["q"]),
                        int(asked["effort"]),
                    )  # fmt: skip
                kind = f"image/{asked['fm']}"
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
