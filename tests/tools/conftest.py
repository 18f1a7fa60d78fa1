"""The tiny networks and the deadline of the tests of models."""

from tests.models.conftest import deadline, embedded, tiny

__all__ = ("deadline", "embedded", "tiny")
