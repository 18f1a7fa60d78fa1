"""What a server's Content-Encoding did is undone, and words that name none are passed over."""

import gzip
import zlib

import pytest

from edge.errors import OriginalTooLarge, OriginTruncated, OriginUnavailable
from edge.origins.base import codings_of, decoded, is_picture

PICTURE = b"\xff\xd8\xff\xe0 a picture's bytes" * 100
TEXT = b"no picture at all" * 100
MOST = 10_000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("header", "sent", "body"),
    [
        ("", PICTURE, PICTURE),
        ("none", PICTURE, PICTURE),
        ("identity", TEXT, TEXT),
        ("aws-chunked", PICTURE, PICTURE),
        ("utf-8", PICTURE, PICTURE),
        ("UTF-8, binary", PICTURE, PICTURE),
        ("br", PICTURE, PICTURE),
        ("image/jpeg", PICTURE, PICTURE),
        ("gzip", PICTURE, PICTURE),
        ("gzip", gzip.compress(PICTURE), PICTURE),
        ("x-gzip", gzip.compress(TEXT), TEXT),
        (" GZIP ", gzip.compress(PICTURE), PICTURE),
        ("gzip,aws-chunked", gzip.compress(PICTURE), PICTURE),
        ("aws-chunked, gzip", gzip.compress(PICTURE), PICTURE),
        ("gzip, gzip", gzip.compress(gzip.compress(PICTURE)), PICTURE),
        ("gzip", gzip.compress(PICTURE[:1000]) + gzip.compress(PICTURE[1000:]), PICTURE),
        ("gzip", gzip.compress(PICTURE) + b"\0" * 100, PICTURE),
        ("deflate", zlib.compress(PICTURE), PICTURE),
        ("deflate", raw_deflate(PICTURE), PICTURE),
    ],
)
def test_the_file_itself_comes_out(header, sent, body):
    assert decoded(sent, codings_of(header), MOST) == body


@pytest.mark.parametrize(
    ("header", "sent", "error"),
    [
        ("br", TEXT, OriginUnavailable),
        ("zstd", b"\x28\xb5\x2f\xfd", OriginUnavailable),
        ("aws-chunked", b"8;chunk-signature=0\r\n\xff\xd8\xff", OriginUnavailable),
        ("gzip", TEXT, OriginTruncated),
        ("gzip", gzip.compress(PICTURE)[:-20], OriginTruncated),
        ("gzip", gzip.compress(PICTURE)[:9], OriginTruncated),
        ("gzip", b"", OriginTruncated),
        ("gzip", gzip.compress(b"\0" * (MOST + 1)), OriginalTooLarge),
        ("gzip", gzip.compress(b"\0" * 6_000) * 2, OriginalTooLarge),
        ("gzip", gzip.compress(b"") * 100_000, OriginTruncated),
        ("gzip, gzip", gzip.compress(gzip.compress(b"\0" * 10**8)), OriginalTooLarge),
        (",".join(["gzip"] * 9), gzip.compress(PICTURE), OriginUnavailable),
    ],
)
def test_what_cannot_be_undone_within_the_bound_is_an_error(header, sent, error):
    with pytest.raises(error):
        decoded(sent, codings_of(header), MOST)


def test_pictures_are_known_by_their_first_bytes():
    for start in (b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"II*\0", b"MM\0*",
                  b"II+\0", b"\0\0\0\x20ftypavif", b"\0\0\0\x18ftypheic"):  # fmt: skip
        assert is_picture(start + b"...")
    for start in (b"", b"<html>", b"RIFF\0\0\0\0WAVE", b"%PDF-1.7", gzip.compress(b"x")):
        assert not is_picture(start)
