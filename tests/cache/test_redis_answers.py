"""What Redis answers to GET is read whole and in order, however it is cut on its way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import BusyLoadingError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from edge.cache.redis_answers import MORE, Answers, More


def read(data: bytes, pieces: int = 10**9) -> list[object]:
    """All answers in these bytes, of which at most so many come at a time; values copied, for each
    is there only until the next."""
    answers, found, at = Answers(), [], 0
    while at < len(data):
        room = answers.room()
        count = min(len(room), len(data) - at, pieces)
        assert count > 0
        room[:count] = data[at : at + count]
        at += count
        answers.came(count)
        while not isinstance(answer := answers.take(), More):
            found.append(bytes(answer) if isinstance(answer, memoryview) else answer)
    return found


def bulk(value: bytes | None) -> bytes:
    return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)


SIZES = st.sampled_from((0, 1, 2, 70, 9_000, 64 * 1024 - 2, 64 * 1024 + 1, 300_000, 800_001))


@given(st.lists(st.none() | SIZES.map(lambda n: bytes(i % 251 for i in range(n)))),
       st.sampled_from((1_000, 65_537, 200_000, 10**9)))  # fmt: skip
def test_values_of_all_sizes_come_as_they_are(values: list[bytes | None], pieces: int) -> None:
    assert read(b"".join(map(bulk, values)), pieces) == values


def test_answers_that_come_byte_by_byte_are_the_same() -> None:
    values = [b"", b"\r\n$3\r\n", None, b"abc"]
    assert read(b"".join(map(bulk, values)), 1) == values


def test_what_redis_complains_of_is_an_error_for_the_one_who_asked() -> None:
    found = read(b"-WRONGTYPE a list\r\n" + bulk(b"1") + b"-LOADING the data set\r\n")
    assert found[1] == b"1"
    assert isinstance(found[0], ResponseError)
    assert str(found[0]) == "WRONGTYPE a list"
    assert isinstance(found[2], BusyLoadingError)


@pytest.mark.parametrize(
    "data",
    [b"+OK\r\n", b":1\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"$ 1\r\nx\r\n", b"$-2\r\n", b"$\r\n",
     b"$1\r\nxyz", b"$1_0\r\n", b"\r\n", b"x" * 200_000],
)  # fmt: skip
def test_anything_else_ends_the_connection(data: bytes) -> None:
    with pytest.raises(RedisConnectionError):
        read(data)


def test_a_length_alone_takes_no_memory() -> None:
    """A peer that announces half a gigabyte and sends nothing holds a buffer of the usual size."""
    answers = Answers()
    head = b"$536870912\r\n"
    answers.room()[: len(head)] = head
    answers.came(len(head))
    assert answers.take() is MORE
    assert len(answers.room()) <= 512 * 1024


def test_a_large_value_leaves_no_large_buffer_behind() -> None:
    answers, data, at = Answers(), bulk(bytes(5_000_000)), 0
    while at < len(data):
        room = answers.room()
        count = min(len(room), len(data) - at)
        room[:count] = data[at : at + count]
        at += count
        answers.came(count)
    assert isinstance(answers.take(), memoryview)
    assert answers.room().obj.__sizeof__() < 300_000
