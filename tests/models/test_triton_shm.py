"""Slots of shared memory: lent once at a time, never larger than they are, cleaned up."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelUnavailable
from edge.models import triton_shm as shm
from edge.models.triton_shm import Region
from tests.models.conftest import noise
from tests.parts import Clock

pytestmark = pytest.mark.skipif(not shm.FOLDER.is_dir(), reason="no /dev/shm: not a Linux")


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    region = Region.make(slots=2, slot_bytes=64 * 1024, folder=tmp_path)
    yield region
    region.close()


def test_what_is_written_is_read(region: Region) -> None:
    first, second = noise(30, 40), noise(10, 10, 1, seed=1)
    slot = region.take([first.nbytes, second.nbytes])
    assert slot is not None
    slot.write(0, first)
    slot.write(1, second)
    assert np.array_equal(slot.read(0, first.shape), first)
    assert np.array_equal(slot.read(1, second.shape), second)


def test_slots_do_not_overlap_and_are_lent_once(region: Region) -> None:
    one, other = region.take([5000, 60]), region.take([5000, 60])
    assert one is not None
    assert other is not None
    ranges = sorted((p.offset, p.offset + p.length) for p in (*one.places, *other.places))
    assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
    assert region.take([1]) is None
    one.give_back()
    assert region.take([1]) is not None


def test_tensors_that_do_not_fit_get_no_slot(region: Region) -> None:
    assert region.take([64 * 1024 + 1]) is None
    assert region.take([60 * 1024, 8 * 1024]) is None
    assert region.free == 2


def test_what_was_read_survives_the_next_borrower(region: Region) -> None:
    slot = region.take([100])
    assert slot is not None
    slot.write(0, np.full(100, 7, np.uint8))
    kept = slot.read(0, (100,))
    slot.write(0, np.zeros(100, np.uint8))
    assert (kept == 7).all()


def test_memory_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not enough shared memory"):
        Region.make(slots=2**24, folder=shm.FOLDER)
    with pytest.raises(ModelUnavailable, match="no shared memory"):
        Region.make(folder=tmp_path / "nowhere")
    assert not list(shm.FOLDER.glob(f"{shm.PREFIX}{os.getpid()}-*"))


def test_a_crash_leaves_a_file_that_the_next_one_removes(tmp_path: Path) -> None:
    crash = (
        "import os; from pathlib import Path; from edge.models.triton_shm import Region;"
        f"Region.make(slots=1, folder=Path({str(tmp_path)!r})); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", crash], check=False)
    (left,) = tmp_path.iterdir()
    living = Region.make(slots=1, folder=tmp_path)
    assert shm.sweep(tmp_path) == (left.name,)
    assert [path.name for path in tmp_path.iterdir()] == [living.name]
    living.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_server_that_refuses_a_region_is_asked_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, asked, refuses = Clock(), [], True

    async def register(name: str, size: int) -> None:
        asked.append(name)
        if refuses:
            raise ModelUnavailable("not allowed")

    async def unregister(name: str) -> None:
        return None

    monkeypatch.setattr("edge.breaker.time", clock)
    make = Region.make
    monkeypatch.setattr(Region, "make", lambda *shape: make(*shape, folder=tmp_path))
    memory = shm.SharedMemory(register, unregister, 1, 4096)
    assert [await memory.slot([10]) for _ in range(3)] == [None] * 3
    assert len(asked) == 1
    refuses = False
    clock.now += 31
    assert await memory.slot([10]) is not None
    memory.lost()
    assert await memory.slot([10]) is None, "the one slot is lent; the region is known again"
    assert len(asked) == 3
    await memory.close()
