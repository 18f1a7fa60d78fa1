"""Readiness at a start with something missing: said in the log, and never plainly ready."""

import asyncio
import shutil

from edge.app.readiness import warn_of_what_is_missing
from tests.running import photo, settle


async def told(server, caplog) -> list[str]:
    """What the start warned of, once it has asked all parts."""
    name = warn_of_what_is_missing.__name__
    asking = [task for task in asyncio.all_tasks() if task.get_coro().__name__ == name]
    if asking:
        await asyncio.wait(asking)
    return [
        f"{record.what}: {record.detail}"
        for record in caplog.records
        if record.message == "degraded: something is missing"
    ]


async def becomes(server, status: str) -> dict:
    """The answer that says so: news may come after the next question or two."""
    for _ in range(6000):
        answer = (await server.get("/-/readyz")).json()
        if answer["status"] == status:
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(answer)


async def test_one_missing_origin_of_two_degrades_with_its_reason(serve, photos, caplog):
    gone = photos.parent / "gone"
    server = await serve(EDGE_ORIGIN_URL=f"/sku={photos}/sku,/old={gone}")
    answer = await server.get("/-/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["reasons"] == [
        "origins: /old: the folder of originals cannot be read",
    ]
    assert await told(server, caplog) == ["origin /old: the folder of originals cannot be read"]
    assert str(gone) not in answer.text
    assert (await server.get("/sku/123.jpg?w=60")).status_code == 200
    gone.mkdir()
    photo(40, 40).save(gone / "a.jpg")
    settle(gone)
    assert (await becomes(server, "ready"))["reasons"] == []


async def test_without_any_origin_a_server_starts_and_is_not_ready(serve, tmp_path, caplog):
    server = await serve(EDGE_ORIGIN_URL=str(tmp_path / "gone"))
    answer = await server.get("/-/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert answer.json()["reasons"] == ["origins: /: the folder of originals cannot be read"]
    assert len(await told(server, caplog)) == 1
    excluded = (await server.get("/-/readyz?exclude=origins")).json()
    assert (excluded["status"], excluded["reasons"]) == ("ready", [])


async def test_without_networks_it_is_degraded_and_says_what_is_lost(serve, tmp_path, caplog):
    server = await serve(EDGE_MODELS_FOLDER=str(tmp_path / "none"))
    answer = await server.get("/-/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    reasons = answer.json()["reasons"]
    assert [reason.split(": ")[1] for reason in reasons] == ["upscale_x2", "upscale_x4", "matting"]
    assert all("EDGE_MODELS_FOLDER" in reason for reason in reasons)
    assert len(await told(server, caplog)) == 3
    assert (await server.get("/sku/123.jpg?w=60")).status_code == 200


async def test_missing_scenes_are_told(serve, tmp_path, caplog):
    server = await serve(EDGE_ORIGIN_SCENES=str(tmp_path / "none"))
    assert await told(server, caplog) == ["scenes /: the folder of originals cannot be read"]
    assert (await server.get("/-/readyz")).json()["status"] == "degraded"


async def test_where_all_is_there_nothing_is_said(serve, tmp_path, caplog):
    server = await serve(EDGE_CACHE_STORE_URL=str(tmp_path / "store"))
    assert await told(server, caplog) == []
    assert (await server.get("/-/readyz")).json()["status"] == "ready"
    shutil.rmtree(tmp_path / "store")


async def test_while_it_drains_readiness_says_so(serve):
    server = await serve()
    server.parts.probes.draining = True
    answer = await server.get("/-/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert answer.headers["connection"] == "close"
    assert (await server.get("/sku/123.jpg?w=60")).status_code == 200
