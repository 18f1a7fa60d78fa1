"""Messages between the server and its decoders: a length, JSON, and open files beside it.

Messages from a worker are as untrusted as the photo that it decodes.
"""

import json
import socket
import struct
from typing import Any

LONGEST = 65_536
_HEAD = struct.Struct(">I")


def send(link: socket.socket, content: dict[str, Any], files: tuple[int, ...] = ()) -> None:
    body = json.dumps(content).encode()
    message = _HEAD.pack(len(body)) + body
    sent = socket.send_fds(link, [message], files) if files else 0
    link.sendall(message[sent:])


def receive(link: socket.socket, files: int = 0) -> tuple[dict[str, Any], list[int]]:
    """Raises: EOFError where the other side has gone, ValueError for what is no message."""
    opened: list[int] = []
    if files:
        head, opened, _, _ = socket.recv_fds(link, _HEAD.size, files)
    else:
        head = link.recv(_HEAD.size)
    head += _exactly(link, _HEAD.size - len(head)) if head else b""
    if len(head) < _HEAD.size:
        raise EOFError
    (length,) = _HEAD.unpack(head)
    if length > LONGEST:
        raise ValueError("the message is too long")
    content = json.loads(_exactly(link, length))
    if not isinstance(content, dict):
        raise ValueError("the message is no object")
    return content, opened


def _exactly(link: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count:
        part = link.recv(count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts
