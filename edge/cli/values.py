"""Values of options, read by the grammar of URLs and settings."""

import argparse
from collections.abc import Callable
from typing import Any

from edge.errors import InvalidParameter
from edge.kinds import Kind, integer, shown, whole


def read(kind: Kind) -> Callable[[str], Any]:
    """What reads an option of a kind for argparse, which names the option and ends with 2."""

    def value(text: str) -> Any:
        try:
            return kind.value(text, "")
        except InvalidParameter as error:
            raise argparse.ArgumentTypeError(
                f"{shown(text)} is not possible; allowed is {error.allowed}"
            ) from None

    return value


INTEGER = read(Kind(integer, "a whole number"))
COUNT = read(whole(1, 1_000_000_000))
PORT = read(whole(0, 65_535))
