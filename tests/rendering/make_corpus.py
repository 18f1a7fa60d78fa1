"""Makes tests/rendering/corpus/: small originals of every kind that is read here, to mutate.

    python -m tests.rendering.make_corpus

The files are kept in the repository, so that the mutations are the same for every engine.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from tests.rendering.originals import (
    chunk,
    exif,
    photo,
    saved,
    segment,
    with_segments,
    without_adobe,
)
from tests.rendering.profiles import grey_profile, ink_profile, profile

FOLDER = Path(__file__).parent / "corpus"


def pictures() -> Iterator[tuple[str, bytes]]:
    """File names and their bytes."""
    yield from _jpegs()
    yield from _pngs()
    yield from _webps()
    yield from _tiffs()
    yield from _rest()


def _jpegs() -> Iterator[tuple[str, bytes]]:
    plain = saved(photo(), "JPEG", quality=70)
    yield "baseline.jpg", plain
    yield "progressive.jpg", saved(photo(), "JPEG", quality=70, progressive=True)
    yield "grey.jpg", saved(photo(mode="L"), "JPEG", icc_profile=grey_profile(1.8))
    yield "cmyk.jpg", saved(photo(48, 32, "CMYK"), "JPEG", icc_profile=ink_profile(3))
    yield "cmyk-plain.jpg", without_adobe(saved(photo(48, 32, "CMYK"), "JPEG"))
    yield "turned.jpg", with_segments(plain, segment(0xE1, b"Exif\0\0" + exif(6)))
    yield "wide.jpg", saved(photo(), "JPEG", icc_profile=profile("display-p3"))


def _pngs() -> Iterator[tuple[str, bytes]]:
    yield "colour.png", saved(photo(40, 30), "PNG", icc_profile=profile("prophoto"))
    yield "clear.png", saved(_see_through(), "PNG")
    yield "palette.png", saved(photo(40, 30).quantize(16), "PNG", transparency=3)
    yield "grey-clear.png", saved(photo(40, 30, "L"), "PNG", transparency=128)
    yield "sixteen.png", saved(Image.linear_gradient("L").resize((40, 30)).convert("I;16"), "PNG")
    yield "two.png", saved(photo(40, 30).convert("1"), "PNG")
    yield "animated.png", _animated("PNG")
    body = saved(photo(16, 16), "PNG")
    notes = chunk(b"eXIf", exif(5)) + chunk(b"tEXt", b"Title\0shoe")
    yield "noted.png", body[:33] + notes + body[33:]


def _webps() -> Iterator[tuple[str, bytes]]:
    yield "lossy.webp", saved(photo(), "WEBP", quality=70)
    yield "lossless.webp", saved(_see_through(), "WEBP", lossless=True)
    yield "clear.webp", saved(_see_through(), "WEBP", quality=70)
    yield "animated.webp", _animated("WEBP")
    yield "noted.webp", saved(photo(), "WEBP", icc_profile=profile("adobe-rgb"), exif=exif(8))


def _tiffs() -> Iterator[tuple[str, bytes]]:
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        yield f"{compression}.tiff", saved(photo(32, 24), "TIFF", compression=compression)
    yield "cmyk.tiff", saved(photo(24, 16, "CMYK"), "TIFF", compression="tiff_lzw")
    yield "lab.tiff", saved(Image.new("LAB", (24, 16), (128, 20, 200)), "TIFF")
    yield "sixteen.tiff", saved(Image.new("I;16", (24, 16), 40_000), "TIFF")
    yield "fax.tiff", saved(photo(64, 32).convert("1"), "TIFF", compression="group4")
    yield "pages.tiff", _animated("TIFF")
    yield "clear.tiff", saved(_see_through(), "TIFF", compression="tiff_lzw")


def _rest() -> Iterator[tuple[str, bytes]]:
    yield "still.gif", saved(photo(40, 30).quantize(16), "GIF")
    yield "animated.gif", _animated("GIF")
    yield "still.avif", saved(photo(), "AVIF", quality=60)
    yield "clear.avif", saved(_see_through(), "AVIF", quality=60, exif=exif(6))
    yield "animated.avif", _animated("AVIF")
    yield "still.heic", saved(photo(), "HEIF", quality=50)
    yield "clear.heic", saved(_see_through(), "HEIF", quality=50, icc_profile=profile("display-p3"))


def _see_through() -> Image.Image:
    image = photo(40, 30).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((40, 30)))
    return image


def _animated(format: str, **options: Any) -> bytes:
    frames = [photo(24, 16, seed=seed) for seed in range(3)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], duration=80, **options)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, body in pictures():
        (FOLDER / name).write_bytes(body)
        print(f"{len(body):6} {name}")


if __name__ == "__main__":
    main()
