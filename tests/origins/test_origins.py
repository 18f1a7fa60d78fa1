"""What every origin promises, wherever its originals live."""

import asyncio

import pytest

from edge.deadline import Deadline
from edge.errors import InvalidPath, OriginalNotFound, OriginalTooLarge, OriginTimeout
from tests.origins.conftest import MAX_BYTES

BODY = b"\xff\xd8 not decoded here" * 50

NASTY = [
    "%2e%2e/123.jpg",
    "../secret",
    "sku/../../secret",
    "sku/..",
    "..",
    ".",
    "",
    "/etc/passwd",
    "sku//123.jpg",
    "sku/./123.jpg",
    "sku\\123.jpg",
    "..\\..\\secret",
    "sku/\0.jpg",
    "sku/123.jpg\n",
    "sku/",
    "x" * 2_000,
    "bad \udcff bytes",
]


def soon() -> Deadline:
    return Deadline.after(120)


async def test_an_original_comes_whole_with_its_stamp(place):
    place.lay("sku/123.jpg", BODY)
    original = await place.origin.fetch("sku/123.jpg", soon())
    assert (original.path, original.body) == ("sku/123.jpg", BODY)
    assert original.stamp.length == len(BODY)


async def test_the_stamp_alone_is_the_one_that_comes_with_the_bytes(place):
    place.lay("sku/123.jpg", BODY)
    stamp = await place.origin.stamp("sku/123.jpg", soon())
    assert stamp == (await place.origin.fetch("sku/123.jpg", soon())).stamp
    assert stamp == await place.origin.stamp("sku/123.jpg", soon()), "and stays the same"


async def test_a_changed_original_has_another_version(place):
    place.lay("sku/123.jpg", BODY)
    before = await place.origin.stamp("sku/123.jpg", soon())
    await asyncio.sleep(0.02)
    place.lay("sku/123.jpg", BODY[::-1])
    assert (await place.origin.stamp("sku/123.jpg", soon())).version != before.version
    assert (await place.origin.fetch("sku/123.jpg", soon())).body == BODY[::-1]


@pytest.mark.parametrize("path", ["sku/404.jpg", "nowhere/123.jpg", "sku", "sku/123.jpg/x.jpg"])
async def test_what_is_not_there_is_not_found(place, path):
    place.lay("sku/123.jpg", BODY)
    for verb in (place.origin.stamp, place.origin.fetch):
        with pytest.raises(OriginalNotFound):
            await verb(path, soon())


async def test_an_original_over_the_limit_is_refused_and_one_at_the_limit_is_not(place):
    place.lay("large.jpg", b"x" * (MAX_BYTES + 1))
    place.lay("just.jpg", b"x" * MAX_BYTES)
    with pytest.raises(OriginalTooLarge):
        await place.origin.fetch("large.jpg", soon())
    assert len((await place.origin.fetch("just.jpg", soon())).body) == MAX_BYTES


async def test_an_empty_original_is_an_original(place):
    place.lay("empty.jpg", b"")
    assert (await place.origin.fetch("empty.jpg", soon())).body == b""


@pytest.mark.parametrize(
    "path",
    [
        "Schöne Tasche, rot (2).jpg",
        "100% wool.jpg",
        "%41/123.jpg",
        "a+b&c=d;e?.jpg",
        "#1.jpg",
        "日本/靴.jpg",
        "..hidden/...jpg",
    ],
)
async def test_a_name_of_any_characters_is_that_very_name(place, path):
    """Nothing is decoded a second time, and nothing of a name becomes a query or a fragment."""
    if place.kind == "http":
        from urllib.parse import quote

        place.lay(quote(path), BODY)
    else:
        place.lay(path, BODY)
    assert (await place.origin.fetch(path, soon())).body == BODY


@pytest.mark.parametrize("path", NASTY)
async def test_a_path_that_could_lead_out_is_refused_before_anything_is_asked(place, path):
    for verb in (place.origin.stamp, place.origin.fetch):
        with pytest.raises(InvalidPath):
            await verb(path, soon())


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ("sku/123.jpg", "sku/123.png"),
        ("sku/123.webp", "sku/123.jpg"),
        ("sku/123", "sku/123.jpg"),
        ("sku/shirt.v2.avif", "sku/shirt.v2.jpg"),
        ("sku/shirt.v2", "sku/shirt.v2.png"),
    ],
)
async def test_another_extension_of_the_same_name_will_do(place, asked, held):
    place.lay(held, BODY)
    original = await place.origin.fetch(asked, soon())
    assert (original.path, original.body) == (held, BODY)
    assert await place.origin.stamp(asked, soon()) == original.stamp


@pytest.mark.parametrize("kind", ["folder", "s3"])
@pytest.mark.parametrize("held", ["123.tif", "123.JPG", "123.heic"])
async def test_extensions_that_cameras_write_are_found_too(open_place, kind, held):
    place = open_place(kind)
    place.lay(held, BODY)
    assert (await place.origin.fetch("123.jpg", soon())).path == held
    await place.origin.close()


async def test_ones_own_name_comes_before_any_neighbour(place):
    place.lay("123.png", b"neighbour")
    place.lay("123.webp", b"own")
    assert (await place.origin.fetch("123.webp", soon())).body == b"own"


async def test_of_several_neighbours_it_is_always_the_same(place):
    for extension in ("webp", "png", "jpg"):
        place.lay(f"123.{extension}", extension.encode())
    assert (await place.origin.fetch("123.avif", soon())).body == b"jpg"


async def test_a_neighbour_that_went_is_not_remembered_for_long(place):
    place.lay("123.png", b"first")
    assert (await place.origin.fetch("123.jpg", soon())).body == b"first"
    place.take("123.png")
    place.lay("123.webp", b"second")
    assert (await place.origin.fetch("123.jpg", soon())).body == b"second"


@pytest.mark.parametrize("kind", ["folder", "s3", "http"])
async def test_without_neighbours_only_the_very_name_counts(open_place, kind):
    place = open_place(kind, neighbours=False)
    place.lay("123.png", BODY)
    with pytest.raises(OriginalNotFound):
        await place.origin.fetch("123.jpg", soon())
    await place.origin.close()


async def test_a_name_that_only_begins_the_same_is_no_neighbour(place):
    place.lay("123.jpg.bak", BODY)
    place.lay("1234.jpg", BODY)
    place.lay("123-detail.jpg", BODY)
    with pytest.raises(OriginalNotFound):
        await place.origin.fetch("123.png", soon())


async def test_a_deadline_that_has_passed_is_a_timeout(place):
    place.lay("sku/123.jpg", BODY)
    for verb in (place.origin.stamp, place.origin.fetch):
        with pytest.raises(OriginTimeout):
            await verb("sku/123.jpg", Deadline.after(0))


async def test_many_at_once_never_swap_bodies_also_while_callers_leave(place):
    for number in range(30):
        place.lay(f"{number}.jpg", str(number).encode() * 500)

    async def whole(number: int) -> bool:
        original = await place.origin.fetch(f"{number}.jpg", soon())
        return original.body == str(number).encode() * 500

    hasty = [asyncio.create_task(whole(number)) for number in range(30)]
    await asyncio.sleep(0.01)
    for task in hasty[::3]:
        task.cancel()
    await asyncio.gather(*hasty, return_exceptions=True)
    assert all(await asyncio.gather(*(whole(number) for number in range(30))))


async def test_ping_answers(place):
    await place.origin.ping()
