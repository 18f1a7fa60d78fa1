"""The kinds of values that settings have: how each is read, and what is allowed."""

import os
import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from edge import kinds
from edge.kinds import Kind, integer, listed, number

BUNDLED_NETWORKS = str(Path(__file__).resolve().parents[2] / "triton_models")


def cache_home() -> str:
    """The user's folder for what can be made or fetched anew (XDG base directory specification)."""
    return os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [word.partition(":") for word in listed(text)]
    if any(not name or not value for name, _, value in pairs):
        raise ValueError
    return tuple((name, value) for name, _, value in pairs)


def _widths(text: str) -> tuple[int, ...]:
    return tuple(sorted(integer(word) for word in listed(text)))


def _prices(text: str) -> tuple[tuple[str, float], ...]:
    prices = tuple((name, number(price)) for name, price in _pairs(text))
    if any(not 0 <= price < 1e9 for _, price in prices):
        raise ValueError
    return prices


def _hosts(text: str) -> tuple[str, ...]:
    return _each(text, lambda word: bool(_HOST.fullmatch(word)))


_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def _networks(text: str) -> tuple[str, ...]:
    return _each(text, lambda word: bool(ip_network(word)))


def _places(text: str) -> tuple[str, ...]:
    return _each(text, lambda word: bool(_place(word)))


def _each(text: str, good: Callable[[str], bool]) -> tuple[str, ...]:
    words = listed(text)
    if not all(good(word) for word in words):
        raise ValueError
    return words


def _place(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if separator and (scheme != "s3" or not rest.partition("/")[0]):
        raise ValueError
    return text


def _web_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError
    return text


FLAG = Kind(lambda text: kinds.FLAG.read(text or "0"), "0 or 1")
NUMBER = Kind(number, "a number")
WORDS = Kind(listed, "words separated by commas")
HOSTS = Kind(_hosts, "hosts separated by commas, without scheme and path")
NETWORKS = Kind(_networks, "networks such as 10.1.0.0/16, separated by commas")
PLACE = Kind(_place, "a folder, or s3://bucket/prefix")
PLACES = Kind(_places, "folders and s3://bucket/prefix, separated by commas")
WEB_URL = Kind(_web_url, "http://host:port or https://host")
WIDTHS = Kind(_widths, "whole numbers separated by commas")
PAIRS = Kind(_pairs, "kid:secret pairs separated by commas")
PRICES = Kind(_prices, "name:price pairs separated by commas")
PORT = Kind(integer, "a port")
