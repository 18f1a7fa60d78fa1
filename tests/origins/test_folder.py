"""The folder origin's own promises: nothing outside, nothing but files, nothing half."""

import os
import socket

import pytest

from edge.deadline import Deadline
from edge.errors import (
    InvalidPath,
    OriginalNotFound,
    OriginalTooLarge,
    OriginTruncated,
    OriginUnavailable,
)
from edge.origins.folder import FolderOrigin

SECRET = b"not for the web"


def soon() -> Deadline:
    return Deadline.after(120)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    (folder / "sku").mkdir(parents=True)
    (folder / "sku" / "123.jpg").write_bytes(b"a photo")
    (tmp_path / "data-secret").mkdir()
    (tmp_path / "data-secret" / "key.jpg").write_bytes(SECRET)
    return folder


@pytest.fixture
def origin(root):
    return FolderOrigin(root, 100_000)


@pytest.mark.parametrize(
    "target",
    ["/etc/hostname", "../data-secret/key.jpg", "../data-secret", "/", "../../../../../etc"],
)
async def test_a_link_that_leads_out_is_refused(root, origin, target):
    """Also where the outside folder's name only begins like ours."""
    (root / "out.jpg").symlink_to(target)
    for path in ("out.jpg", "out.jpg/key.jpg"):
        for verb in (origin.stamp, origin.fetch):
            with pytest.raises(InvalidPath):
                await verb(path, soon())


async def test_a_neighbour_that_is_a_link_leading_out_is_refused(root, origin):
    (root / "photo.png").symlink_to("../data-secret/key.jpg")
    with pytest.raises(InvalidPath):
        await origin.fetch("photo.jpg", soon())


async def test_links_that_stay_inside_are_followed(root, origin):
    (root / "alias.jpg").symlink_to("sku/123.jpg")
    (root / "all").symlink_to("sku")
    assert (await origin.fetch("alias.jpg", soon())).body == b"a photo"
    assert (await origin.fetch("all/123.jpg", soon())).body == b"a photo"


async def test_the_folder_itself_may_be_a_link_that_is_switched(root, tmp_path):
    """As deployments do it: a new release folder, then one link is moved."""
    new = tmp_path / "release-2"
    new.mkdir()
    (new / "a.jpg").write_bytes(b"new")
    (root / "a.jpg").write_bytes(b"old")
    link = tmp_path / "current"
    link.symlink_to(root)
    origin = FolderOrigin(link, 100_000)
    assert (await origin.fetch("a.jpg", soon())).body == b"old"
    link.unlink()
    link.symlink_to(new)
    assert (await origin.fetch("a.jpg", soon())).body == b"new"


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device"])
async def test_what_is_no_file_is_not_found_and_holds_nobody_up(root, origin, kind):
    path = root / "odd.jpg"
    server = socket.socket(socket.AF_UNIX)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        os.chdir(root)  # a socket's path may only be short
        server.bind("odd.jpg")
        os.chdir("/")
    elif kind == "folder":
        path.mkdir()
    else:
        try:
            os.mknod(path, 0o20600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("making a device needs root")
    for verb in (origin.stamp, origin.fetch):
        with pytest.raises(OriginalNotFound):
            await verb("odd.jpg", Deadline.after(2))
    server.close()


async def test_a_loop_of_links_is_an_error_of_the_path(root, origin):
    (root / "a.jpg").symlink_to("b.jpg")
    (root / "b.jpg").symlink_to("a.jpg")
    with pytest.raises((InvalidPath, OriginalNotFound)):
        await origin.fetch("a.jpg", soon())


@pytest.mark.parametrize("change", [b"x" * 60_000, b"x" * 10, b"y" * 50_000], ids=len)
async def test_a_file_that_changes_while_it_is_read_is_not_taken(root, origin, monkeypatch, change):
    path = root / "sku" / "123.jpg"
    path.write_bytes(b"x" * 50_000)
    real, calls = os.fstat, iter(range(10))

    def fstat_then_change(descriptor):
        facts = real(descriptor)
        if (
            next(calls) == 1
        ):  # the first looks whether it is a file, the second comes before reading
            path.write_bytes(change)
        return facts

    monkeypatch.setattr("edge.origins.folder.os.fstat", fstat_then_change)
    with pytest.raises(OriginTruncated):
        await origin.fetch("sku/123.jpg", soon())


async def test_a_large_file_is_refused_without_being_read(root, origin):
    with (root / "huge.jpg").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(OriginalTooLarge):
        await origin.fetch("huge.jpg", soon())


async def test_a_copy_with_the_same_time_has_the_same_version(root, origin, tmp_path):
    """So that two servers with a copy each share their renditions."""
    copy = tmp_path / "copy"
    (copy / "sku").mkdir(parents=True)
    (copy / "sku" / "123.jpg").write_bytes(b"a photo")
    facts = (root / "sku" / "123.jpg").stat()
    os.utime(copy / "sku" / "123.jpg", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other = FolderOrigin(copy, 100_000)
    stamps = [await one.stamp("sku/123.jpg", soon()) for one in (origin, other)]
    assert stamps[0] == stamps[1]


async def test_a_folder_that_is_not_there_is_unavailable_not_empty(tmp_path):
    origin = FolderOrigin(tmp_path / "nowhere", 100_000)
    with pytest.raises(OriginUnavailable):
        await origin.ping()
    with pytest.raises(OriginUnavailable):
        await origin.fetch("sku/123.jpg", soon())


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("\u212bngstrom.jpg", "\u00c5ngstrom.jpg"),
        ("\u212bngstrom.jpg", "A\u030angstrom.jpg"),
        ("gru\u0308n-\u00e9.jpg", "gr\u00fcn-e\u0301.jpg"),
        ("gru\u0308n-\u00e9.jpg", "gr\u00fcn-\u00e9.jpg"),
    ],
)
async def test_names_that_are_canonically_the_same_are_one(tmp_path, held, asked):
    (tmp_path / "sku").mkdir()
    (tmp_path / "sku" / held).write_bytes(b"this one")
    (tmp_path / "sku" / "angstrom.jpg").write_bytes(b"another")
    origin = FolderOrigin(tmp_path, 1000)
    found = await origin.fetch(f"sku/{asked}", Deadline.after(10))
    assert found.body == b"this one"
    await origin.close()
