"""The folder tier's own promises: bounded, unharmed by crashes and strangers, shared."""

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.cache.base import pack
from edge.cache.folder import FolderTier
from edge.errors import SettingsError, TierError
from tests.cache.entries import key, rendition

LIMIT = 1_000_000


@pytest.fixture
async def folder(tmp_path):
    tier = FolderTier(tmp_path / "tier", LIMIT)
    yield tier
    await tier.close()


def entries(root: Path) -> list[Path]:
    return [path for path in root.glob("??/*") if len(path.name) == 64]


def entry(root: Path, word: object) -> Path:
    return root / key(word)[:2] / key(word)


async def reopened(tier: FolderTier, root: Path, limit: int = LIMIT) -> FolderTier:
    await tier.close()
    return FolderTier(root, limit)


async def test_bytes_on_the_disk_stay_under_the_limit_whatever_is_put(folder, tmp_path):
    """Looked at from outside while random variants come in from many callers at once."""
    await folder.ping()
    most, watching = 0, threading.Event()

    def watch():
        nonlocal most
        index = sqlite3.connect(
            tmp_path / "tier" / "index.sqlite3", timeout=30, isolation_level=None
        )
        while not watching.wait(0.01):
            index.execute("BEGIN IMMEDIATE")  # nobody changes a file while we add them up
            held = sum(path.stat().st_size for path in (tmp_path / "tier").glob("??/*"))
            index.execute("ROLLBACK")
            most = max(most, held)
        index.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    for start in range(0, 300, 10):
        await asyncio.gather(
            *(
                folder.put(key(number), rendition(number, 1_000 + number * 337 % 60_000))
                for number in range(start, start + 10)
            )
        )
    watching.set()
    watcher.join()
    usage = await folder.usage()
    on_disk = sum(path.stat().st_size for path in entries(tmp_path / "tier"))
    assert LIMIT / 2 < most <= LIMIT
    assert on_disk <= usage.bytes <= LIMIT
    assert usage.entries == len(entries(tmp_path / "tier"))


async def test_what_is_asked_for_stays_and_what_is_not_goes(folder):
    for number in range(20):
        await folder.put(key(number), rendition(number, 40_000))
    for _ in range(2):
        assert await folder.get(key(0)) is not None
    for number in range(20, 30):
        await folder.put(key(number), rendition(number, 40_000))
    assert await folder.get(key(0)) is not None
    assert await folder.get(key(1)) is None


async def test_an_entry_that_would_push_out_too_much_is_not_kept(folder):
    await folder.put(key(1), rendition(1, 1_000))
    await folder.put(key(2), rendition(2, 500_000))
    assert await folder.get(key(2)) is None
    assert await folder.get(key(1)) is not None


async def test_a_lower_limit_takes_effect_at_the_next_start(folder, tmp_path):
    for number in range(15):
        await folder.put(key(number), rendition(number, 50_000))
    again = await reopened(folder, tmp_path / "tier", 300_000)
    await again.purge("nothing")  # waits for the sweep
    assert (await again.usage()).bytes <= 300_000
    assert sum(path.stat().st_size for path in entries(tmp_path / "tier")) <= 300_000
    await again.close()


@pytest.mark.parametrize("damage", ["cut short", "emptied", "flipped", "foreign", "link", "pipe"])
async def test_a_damaged_entry_is_a_miss_and_gone(folder, tmp_path, damage):
    await folder.put(key(1), rendition())
    path = entry(tmp_path / "tier", 1)
    content = path.read_bytes()
    if damage == "cut short":
        path.write_bytes(content[:-1])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "flipped":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "foreign":
        path.write_bytes(b"<html>not one of ours</html>" * 100)
    elif damage == "link":
        path.unlink()
        path.symlink_to(tmp_path / "secret")
        (tmp_path / "secret").write_bytes(content)
    else:
        path.unlink()
        os.mkfifo(path)
    assert await folder.get(key(1)) is None
    assert key(1) not in os.listdir(path.parent)
    assert (await folder.usage()).entries == 0
    if damage == "link":
        assert (tmp_path / "secret").read_bytes() == content
    await folder.put(key(1), rendition())
    assert await folder.get(key(1)) == rendition()


async def test_a_shard_that_is_a_link_leads_nobody_out(folder, tmp_path):
    await folder.ping()
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "tier" / key(1)[:2]).symlink_to(outside)
    with pytest.raises(TierError):
        await folder.put(key(1), rendition())
    assert list(outside.iterdir()) == []


async def test_a_lost_index_is_made_anew_from_the_entries(folder, tmp_path):
    for number in range(10):
        await folder.put(key(number), rendition(number, tags=(f"original:{number % 2}",)))
    await folder.close()
    (tmp_path / "tier" / "index.sqlite3").unlink()
    again = FolderTier(tmp_path / "tier", LIMIT)
    assert await again.get(key(3)) == rendition(3, tags=("original:1",))
    assert await again.purge("original:1") == 5
    assert (await again.usage()).entries == 5
    await again.close()


@pytest.mark.parametrize("when", ["between starts", "while running"])
async def test_a_damaged_index_is_made_anew_from_the_entries(folder, tmp_path, when):
    for number in range(10):
        await folder.put(key(number), rendition(number, tags=(f"original:{number % 2}",)))
    index = tmp_path / "tier" / "index.sqlite3"
    if when == "between starts":
        await folder.close()
        index.write_bytes(b"not a database" * 5_000)
        tier = FolderTier(tmp_path / "tier", LIMIT)
    else:
        tier = folder
        index.unlink()
        index.write_bytes(b"not a database" * 5_000)
    assert await tier.purge("original:1") == 5
    assert (await tier.usage()).entries == 5
    await tier.close()


async def test_files_that_a_crash_left_are_taken_in_or_removed(folder, tmp_path):
    await folder.put(key(1), rendition())
    await folder.close()
    root = tmp_path / "tier"
    orphan = entry(root, "orphan")
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(pack(rendition(), key("orphan")))
    half = entry(root, 1).with_name(f"{key(1)}.part")
    half.write_bytes(b"half written")
    entry(root, 1).unlink()
    again = FolderTier(root, LIMIT)
    assert await again.purge("no such tag") == 0
    assert (await again.usage()).entries == 1
    assert not half.exists()
    assert await again.purge("preset:amazon") == 1
    assert entries(root) == []
    await again.close()


async def test_a_folder_emptied_by_hand_goes_on_working(folder, tmp_path):
    await folder.put(key(1), rendition())
    await folder.purge("no such tag")  # the sweep is over, so nobody but us touches the folder
    shutil.rmtree(tmp_path / "tier")
    assert await folder.get(key(1)) is None
    await folder.put(key(2), rendition())
    assert await folder.get(key(2)) == rendition()
    assert (await folder.usage()).entries == 1


async def test_nobody_else_may_read_what_is_kept(folder, tmp_path):
    await folder.put(key(1), rendition())
    path = entry(tmp_path / "tier", 1)
    files = ("index.sqlite3", "index.sqlite3-journal")
    kept = [tmp_path / "tier" / name for name in files]
    for private in (path, path.parent, path.parent.parent, *kept):
        assert stat.S_IMODE(private.stat().st_mode) & 0o077 == 0, private


async def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError):
        FolderTier(tmp_path / "file" / "tier", LIMIT)


async def test_a_full_disk_is_a_tier_error_and_leaves_nothing_behind(tmp_path):
    """A file size limit stands for the full disk: a process of its own hits it."""
    script = (
        "import asyncio, resource, signal, sys\n"
        "from edge.cache.folder import FolderTier\n"
        "from edge.errors import TierError\n"
        "from tests.cache.entries import key, rendition\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "async def main():\n"
        "    tier = FolderTier(sys.argv[1], 10_000_000)\n"
        "    await tier.put(key(1), rendition())\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "    try:\n"
        "        await tier.put(key(2), rendition(2, 400_000))\n"
        "    except TierError:\n"
        "        assert await tier.get(key(1)) is not None\n"
        "        assert await tier.get(key(2)) is None\n"
        "        print('refused')\n"
        "    await tier.close()\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script, str(tmp_path / "tier")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "refused\n", done.stderr
    assert [path.name for path in (tmp_path / "tier").glob("??/*")] == [key(1)]


WRITER = """
import asyncio, sys
from edge.cache.folder import FolderTier
from tests.cache.entries import key, rendition
async def main():
    tier = FolderTier(sys.argv[1], int(sys.argv[2]))
    for number in range(60):
        word = f"{sys.argv[3]}-{number}"
        await tier.put(key(word), rendition(word, 20_000, tags=("preset:shared", sys.argv[3])))
        await tier.get(key(word))
    await tier.close()
asyncio.run(main())
"""


@pytest.mark.slow
async def test_processes_share_one_folder_one_limit_and_one_purge(folder, tmp_path):
    root = tmp_path / "tier"
    writers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, str(root), str(LIMIT), name),
            cwd=Path(__file__).parents[2],
        )
        for name in ("one", "two", "three")
    ]
    end = time.monotonic() + 120
    while any(writer.returncode is None for writer in writers):
        assert time.monotonic() < end
        assert (await folder.usage()).bytes <= LIMIT
        await asyncio.sleep(0.05)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    held = entries(root)
    assert len(held) > 20
    assert sum(path.stat().st_size for path in held) <= LIMIT
    assert await folder.purge("preset:shared") == len(held)
    assert entries(root) == []


async def test_a_folder_that_cannot_be_written_goes_on_serving_what_it_holds(tmp_path):
    """Two thousand different hits: more than uses are remembered without writing them down."""
    first = FolderTier(tmp_path, 20_000_000)
    for number in range(2_000):
        await first.put(key(number), rendition(number, 20))
    await first.close()
    index = tmp_path / "index.sqlite3"
    index.unlink()
    index.mkdir()  # SQLite can neither read nor write it, whoever asks
    second = FolderTier(tmp_path, 20_000_000)
    for number in range(2_000):
        assert await second.get(key(number)) == rendition(number, 20)
    with pytest.raises(TierError):
        await second.put(key("new"), rendition())
    await second.close()


async def test_an_entry_in_the_place_of_another_is_a_miss(tmp_path):
    tier = FolderTier(tmp_path, LIMIT)
    for word in ("a", "b"):
        await tier.put(key(word), rendition(word))
    entries = [tmp_path / key(word)[:2] / key(word) for word in ("a", "b")]
    entries[0].write_bytes(entries[1].read_bytes())
    assert await tier.get(key("a")) is None
    assert await tier.get(key("b")) == rendition("b")
    await tier.close()
