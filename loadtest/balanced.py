"""Several servers behind one address, each request handed to the one with the fewest open."""

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from common import free_port, server

_CONF = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream edges {{ least_conn; {servers} keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://edges; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_read_timeout 300s; proxy_buffers 64 16k;
        }}
    }}
}}
"""


def nginx() -> str | None:
    """Where the program is; None where there is none."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def behind_nginx(stack: ExitStack, folder: Path, bases: Sequence[str]) -> str:
    """One address for servers at these base URLs; the program must be there."""
    port = free_port()
    folder.mkdir()
    servers = " ".join(f"server {base.removeprefix('http://')};" for base in bases)
    user = "user root;" if os.geteuid() == 0 else ""
    conf = folder / "nginx.conf"
    conf.write_text(_CONF.format(folder=folder, user=user, servers=servers, port=port))
    command = [nginx() or "nginx", "-c", conf, "-e", folder / "error.log", "-p", folder]
    stack.enter_context(server(command, f"http://127.0.0.1:{port}/-/healthz"))
    return f"http://127.0.0.1:{port}"


class Balanced:
    """Base URLs of equal servers; whoever asks takes the one that has the fewest open."""

    def __init__(self, bases: Sequence[str]) -> None:
        self._open = dict.fromkeys(bases, 0)
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[str]:
        """One of them, until the block ends."""
        with self._lock:
            base = min(self._open, key=self._open.__getitem__)
            self._open[base] += 1
        try:
            yield base
        finally:
            with self._lock:
                self._open[base] -= 1
