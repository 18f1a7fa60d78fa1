"""What decoders raise, in the words of this house."""

from collections.abc import Iterator
from contextlib import contextmanager

from edge.errors import EdgeError, OriginalCorrupt, OriginalTooLarge, OriginalUnsupported
from edge.rendering.source.headers.base import OriginalFormat


@contextmanager
def translated(format: OriginalFormat) -> Iterator[None]:
    """Whatever a decoder raises on hostile bytes is the original's fault."""
    try:
        yield
    except EdgeError:
        raise
    except MemoryError as error:
        raise OriginalTooLarge("the original needs more memory than there is") from error
    except Exception as error:
        if type(error).__name__ == "UnidentifiedImageError":  # of either Pillow
            raise OriginalUnsupported(
                f"a {format.value} of this kind is not read here, or it is damaged"
            ) from error
        if "truncated" in str(error):
            raise OriginalCorrupt("the original ends before its last row") from error
        raise OriginalCorrupt(f"the original cannot be decoded as {format.value}") from error
