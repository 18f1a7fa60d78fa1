"""Wiring: every concrete class is named here, opened in order and closed in reverse."""

from edge.app.server import Server, connect
from edge.app.sources import SAMPLES

__all__ = ["SAMPLES", "Server", "connect"]
