"""Fetches a picture and its verdict from a running server, for `edge verify`."""

from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from edge.errors import EdgeError, SettingsError
from edge.reported import Compliance
from edge.web.reported import read_compliance

_SECONDS = 120.0
_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class FetchedPicture:
    """`reported` is `X-Edge-Compliance`; None where the server says nothing of rules."""

    body: bytes
    reported: Compliance | None


_CLIENTS = ("*/*", "image/webp,*/*", "image/avif,image/webp,*/*")
"""The `Accept` header of each class of clients."""


def is_url(text: str) -> bool:
    return text.startswith(_SCHEMES)


def fetch(url: str, most: int, accept: str = "*/*") -> FetchedPicture:
    """What the server answers to that URL.

    Args:
        most: bytes that are looked at, and one more.
        accept: the header, for pictures whose format the server chooses by it.

    Raises:
        SettingsError: it is no URL of HTTP.
        EdgeError: the server is away or refuses.
    """
    if not is_url(url):
        raise SettingsError(f"{url!r} is no URL", allowed="http://host:port/path or https://…")
    try:
        with urlopen(Request(url, headers={"accept": accept}), timeout=_SECONDS) as answer:
            body: bytes = answer.read(most + 1)
            line = answer.headers.get("x-edge-compliance", "")
    except HTTPError as error:
        raise EdgeError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (URLError, OSError, ValueError) as error:
        raise EdgeError(f"{url} cannot be fetched: {error}") from error
    return FetchedPicture(body, read_compliance(line))


def reported_of(body: bytes, url: str) -> Compliance | None:
    """The server's verdict on exactly these bytes, for whichever class of clients they were made.

    Raises:
        SettingsError: it is no URL of HTTP.
        EdgeError: the server is away, refuses, or has other bytes there.
    """
    for accept in _CLIENTS:
        fetched = fetch(url, len(body), accept)
        if fetched.body == body:
            return fetched.reported
    raise EdgeError(f"{url} has another picture now: there is no verdict on this file there")
