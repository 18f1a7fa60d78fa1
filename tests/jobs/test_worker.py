"""Items are tried as often as it helps, exported whole, and paid for; nothing stops the rest."""

import asyncio
import csv
import hashlib
import json
import sys
import zipfile

import pytest

from edge.errors import (
    Busy,
    DeadlineExceeded,
    JobsUnavailable,
    ModelMissing,
    NotCompliant,
    OriginalNotFound,
    OriginUnavailable,
)
from edge.jobs import retries
from edge.jobs.export import ExportTarget, FolderTarget
from edge.jobs.making import merged
from edge.jobs.store import Task
from tests.parts import Answer
from tests.running import photo
from tests.web.jobs import get, items, over, post, run

FEED = "sku,url\na,/sku/123.jpg\nb,/sku/456.png\nc,/sku/789.webp\n"


def jpeg(tmp_path) -> bytes:
    photo(60, 50).save(tmp_path / "x.jpg")
    return (tmp_path / "x.jpg").read_bytes()


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (Busy("x"), True),
        (OriginUnavailable("x"), True),
        (DeadlineExceeded("x"), True),
        (ValueError("x"), True),
        (OriginalNotFound("x"), False),
        (NotCompliant("x"), False),
        (ModelMissing("x"), False),
    ],
)
def test_what_may_pass_is_tried_again_and_what_cannot_is_not(error, passes):
    assert retries.may_pass(error) is passes


def test_waits_double_with_jitter_up_to_a_bound_and_never_before_what_was_asked():
    for tries, low, high in ((1, 1, 2), (3, 4, 8), (20, 30, 60)):
        waits = {retries.wait(Busy("x", retry_after=0), tries, 2.0, 60.0) for _ in range(50)}
        assert low <= min(waits) < max(waits) <= high
        assert len(waits) > 40
    asked = [retries.wait(Busy("x", retry_after=30), 1, 2.0, 60.0) for _ in range(20)]
    assert min(asked) >= 30
    assert max(asked) <= 31


async def test_an_origin_that_is_away_for_a_while_costs_tries_and_no_item(
    serve, http_origin, tmp_path
):
    body = jpeg(tmp_path)
    http_origin.answers["/1.jpg"] = Answer(b"", 503)
    http_origin.answers["/2.jpg"] = Answer(body, headers={"ETag": '"2"'})
    server = await serve(
        http_origin.url, EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8", EDGE_JOBS_BACKOFF="0.2"
    )
    id = (await post(server, "/-/jobs?query=w=20", "url\n/1.jpg\n/2.jpg\n")).json()["id"]
    for _ in range(6000):
        if await items(server, id, "retrying"):
            break
        await asyncio.sleep(0.02)
    http_origin.answers["/1.jpg"] = Answer(body, headers={"ETag": '"1"'})
    facts = await over(server, id)
    assert facts["status"] == "succeeded"
    assert (await items(server, id))[0]["tries"] >= 2


async def test_retry_after_of_an_origin_is_honoured(serve, http_origin, tmp_path):
    http_origin.answers["/1.jpg"] = Answer(b"", 429, headers={"Retry-After": "2"})
    server = await serve(
        http_origin.url, EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8", EDGE_JOBS_BACKOFF="0.01"
    )
    id = (await post(server, "/-/jobs?query=w=20", "url\n/1.jpg\n")).json()["id"]
    for _ in range(6000):
        if await items(server, id, "retrying"):
            break
        await asyncio.sleep(0.02)
    http_origin.answers["/1.jpg"] = Answer(jpeg(tmp_path), headers={"ETag": '"1"'})
    assert (await over(server, id))["status"] == "succeeded"
    times = [seen.at for seen in http_origin.seen if seen.path == "/1.jpg"]
    early = [at for at in times if at - times[0] < 1.9]
    assert len(early) <= 2, "HEAD, and at most what stands in for it"
    assert len(early) < len(times)


async def test_a_poison_item_ends_after_its_tries_with_its_error(serve, http_origin, tmp_path):
    http_origin.answers["/1.jpg"] = Answer(b"", 500)
    http_origin.answers["/2.jpg"] = Answer(b"no picture at all", headers={"ETag": '"2"'})
    http_origin.answers["/3.jpg"] = Answer(jpeg(tmp_path), headers={"ETag": '"3"'})
    server = await serve(
        http_origin.url, EDGE_ORIGIN_HTTP_PRIVATE="127.0.0.0/8", EDGE_JOBS_BACKOFF="0.02",
        EDGE_JOBS_TRIES="3",
    )  # fmt: skip
    facts = await run(server, "/-/jobs?query=w=20", "url\n/1.jpg\n/2.jpg\n/3.jpg\n")
    assert facts["status"] == "partial"
    poison, broken, good = await items(server, facts["id"])
    assert (poison["tries"], poison["error_type"]) == (3, "OriginUnavailable")
    assert "500" in poison["error"]
    assert (broken["tries"], broken["error_type"]) == (1, "OriginalUnsupported")
    assert good["state"] == "succeeded"


async def test_an_item_that_takes_its_workers_away_ends_as_well(serve, photos):
    server = await serve(EDGE_JOBS_TRIES="2")
    store, processing = server.parts.processing.management.store, server.parts.processing
    await processing.management.queue.stop(5)
    id = (await post(server, "/-/jobs?query=w=20", "url\n/sku/123.jpg\n")).json()["id"]
    for _ in range(3):  # three workers took it, and died before they could say anything
        begun = await store.begin(id, 0)
    assert begun.tries == 3
    await processing.worker.handle(Task("item", id, "0"))
    [item] = await items(server, id)
    assert (item["state"], item["tries"]) == ("failed", 4)
    assert "worker died" in item["error"]


async def test_pictures_are_written_by_their_pattern_with_a_manifest(serve, tmp_path):
    out = tmp_path / "out"
    server = await serve(EDGE_JOBS_EXPORT=str(out))
    facts = await run(
        server, f"/-/jobs?query=w=40%26fm=jpg&to={out}/may&pattern={{preset}}/{{sku}}.MAIN.jpg",
        FEED + "d,/none.jpg\n",
    )  # fmt: skip
    folder = out / "may"
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*")) == [
        "manifest.csv", "manifest.jsonl", *(f"plain/{sku}.MAIN.jpg" for sku in "abc"),
    ]  # fmt: skip
    rows = list(csv.DictReader((folder / "manifest.csv").read_text().splitlines()))
    assert [row["state"] for row in rows] == ["succeeded"] * 3 + ["failed"]
    for row in rows[:3]:
        body = (folder / row["file"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == row["sha256"]
        assert len(body) == int(row["bytes"])
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["sku"] for line in lines] == ["a", "b", "c", "d"]
    assert facts["status"] == "partial"


async def test_one_zip_holds_everything_and_is_the_same_every_time(serve, tmp_path):
    out = tmp_path / "out"
    server = await serve(EDGE_JOBS_EXPORT=str(out))
    for name in ("one.zip", "two.zip"):
        await run(server, f"/-/jobs?query=w=40%26fm=jpg&to={out}/{name}", FEED)
    with zipfile.ZipFile(out / "one.zip") as first, zipfile.ZipFile(out / "two.zip") as second:
        assert first.testzip() is None
        assert [info.filename for info in first.infolist()] == [
            "a.plain.jpg", "b.plain.jpg", "c.plain.jpg", "manifest.csv", "manifest.jsonl",
        ]  # fmt: skip
        for name in first.namelist()[:3]:
            assert first.read(name) == second.read(name)
    assert sorted(p.name for p in out.iterdir()) == ["one.zip", "two.zip"], "nothing half written"


async def test_a_bucket_takes_pictures_manifest_and_zip(serve, bucket, s3_client, s3_endpoint):
    place = f"s3://{bucket}/export"
    server = await serve(EDGE_JOBS_EXPORT=place, EDGE_S3_ENDPOINT_URL=s3_endpoint)
    await run(server, f"/-/jobs?query=w=40%26fm=jpg&to={place}/may", FEED)
    await run(server, f"/-/jobs?query=w=40%26fm=jpg&to={place}/all.zip", FEED)
    listed = s3_client.list_objects_v2(Bucket=bucket)["Contents"]
    assert [one["Key"] for one in listed] == [
        "export/all.zip", *(f"export/may/{sku}.plain.jpg" for sku in "abc"),
        "export/may/manifest.csv", "export/may/manifest.jsonl",
    ]  # fmt: skip
    picture = s3_client.get_object(Bucket=bucket, Key="export/may/a.plain.jpg")
    assert picture["ContentType"] == "image/jpeg"
    refused = await post(server, f"/-/jobs?query=w=40&to=s3://{bucket}/exported", FEED)
    assert refused.status_code == 400, "a prefix ends at a slash"


async def test_a_place_that_cannot_be_written_is_tried_again_and_then_told(serve, tmp_path):
    out = tmp_path / "out"
    out.write_text("a file where the folder should be")
    server = await serve(
        EDGE_JOBS_EXPORT=str(out), EDGE_JOBS_TRIES="2", EDGE_JOBS_BACKOFF="0.05"
    )  # fmt: skip
    id = (await post(server, f"/-/jobs?query=w=40%26fm=jpg&to={out}", FEED)).json()["id"]
    for _ in range(1200):
        failed = await items(server, id, "failed")
        if len(failed) == 3:
            break
        await asyncio.sleep(0.1)
    assert len(failed) == 3
    assert "cannot be written" in failed[0]["error"]


def test_places_are_read_and_held_against_what_is_allowed(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to("/etc")
    allowed = [str(inside), "s3://bucket/a"]
    for to, good in (
        (f"{inside}", True), (f"{inside}/x/y.zip", True), (f"{inside}/../other", False),
        (f"{inside}/link/x", False), (f"{inside}x", False), ("s3://bucket/a/b", True),
        ("s3://bucket/a/../b", False), ("s3://bucket/ab", False), ("s3://other/a", False),
    ):  # fmt: skip
        assert ExportTarget.of(to).allowed_by(allowed) is good, to
    assert not ExportTarget.of("/x").allowed_by([])


async def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    target = FolderTarget(tmp_path)
    await target.write("a/b.jpg", b"first", "image/jpeg")
    await target.write("a/b.jpg", b"second", "image/jpeg")
    assert (tmp_path / "a" / "b.jpg").read_bytes() == b"second"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.jpg"]
    await target.remove("a/b.jpg")
    await target.remove("a/b.jpg")


async def test_what_a_killed_export_left_is_removed_and_nothing_else(tmp_path):
    """A partial file that another process is writing is locked; one that a kill left is not."""
    (tmp_path / "a").mkdir()
    stale, other = tmp_path / "a" / f".edge-{'0' * 16}.part", tmp_path / ".other.part"
    stale.write_bytes(b"half")
    other.write_bytes(b"not ours")
    writes = "import sys, time\nfrom pathlib import Path\nfrom edge.jobs import export\n"
    writes += "with export.replacing(Path(sys.argv[1])) as sink:\n"
    writes += "    sink.write(b'half')\n    sink.flush()\n    print('writing', flush=True)\n"
    writes += "    sys.stdin.read()\n    sink.write(b' and whole')\n"
    pipe = asyncio.subprocess.PIPE
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", writes, str(tmp_path / "a" / "slow.jpg"), stdin=pipe, stdout=pipe
    )
    assert await writer.stdout.readline() == b"writing\n"
    await FolderTarget(tmp_path).write("new.jpg", b"new", "image/jpeg")
    assert not stale.exists()
    assert other.exists()
    await writer.communicate(b"")
    assert (tmp_path / "a" / "slow.jpg").read_bytes() == b"half and whole"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["slow.jpg"]


async def test_a_write_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "taken.jpg").mkdir()
    with pytest.raises(JobsUnavailable):
        await FolderTarget(tmp_path).write("taken.jpg", b"new", "image/jpeg")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.jpg"]


def test_other_parameters_take_the_place_of_those_of_the_same_name():
    assert merged("fmt=amazon&frame=0.8", "frame=0.9&g=subject") == "fmt=amazon&frame=0.9&g=subject"
    assert merged("fmt=amazon", "?ar=4:5") == "fmt=amazon&ar=4:5"


async def test_work_for_jobs_waits_behind_requests_at_the_networks(serve):
    server = await serve()
    seen = []
    models = server.parts.processing.delivery._renderer.renderer._models
    infer = models.infer

    async def watched(*args, **named):
        seen.append(named.get("priority", args[-1] if args else None))
        return await infer(*args, **named)

    models.infer = watched
    await run(server, "/-/jobs?preset=etsy", "url\n/sku/123.jpg\n")
    assert seen
    assert {int(priority) for priority in seen} == {3}


async def test_the_manifest_carries_compliance_and_cost(serve, tmp_path):
    out = tmp_path / "out"
    server = await serve(EDGE_JOBS_EXPORT=str(out), EDGE_JOBS_PRICES="cpu:3600,network:7200")
    facts = await run(server, f"/-/jobs?preset=etsy&to={out}", "sku,url\na,/sku/123.jpg\n")
    [row] = csv.DictReader((out / "manifest.csv").read_text().splitlines())
    assert row["compliance"].startswith("etsy/")
    assert float(row["cost"]) == pytest.approx(
        float(row["cpu_seconds"]) + 2 * float(row["network_seconds"]), rel=0.05, abs=0.01
    )
    assert facts["cost"]["network_seconds"]
    told = (await get(server, "/-/metrics")).text
    assert "edge_jobs_total{" in told
