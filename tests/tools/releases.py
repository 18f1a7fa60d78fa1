"""A server of release files on 127.0.0.1 that knows ranges, and breaks off where a test says."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class ReleaseServer:
    """Serves one file at any path.

    Attributes:
        body: what is served.
        etag: its validator; empty: none is sent, and no range is answered.
        breaks_after: bytes of an answer after which the connection ends; None: never.
        status: of the answers.
        ranges: the Range header of each request, None where it had none.
    """

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.etag = '"first"'
        self.breaks_after: int | None = None
        self.status = 200
        self.ranges: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/network.onnx"

    def __enter__(self) -> "ReleaseServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._answer(self)

            def log_message(self, *_: object) -> None:
                return None

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        start, status = 0, self.status
        if wanted and self.etag and request.headers.get("If-Range") == self.etag:
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        rest = self.body[start:]
        request.send_response(status)
        request.send_header("Content-Length", str(len(rest)))
        if status == 206:
            last = len(self.body) - 1
            request.send_header("Content-Range", f"bytes {start}-{last}/{len(self.body)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.end_headers()
        request.wfile.write(rest if self.breaks_after is None else rest[: self.breaks_after])
        request.close_connection = True
