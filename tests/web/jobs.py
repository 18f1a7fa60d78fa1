"""Asking a server under test for jobs."""

import asyncio
from typing import Any

import httpx

from tests.running import TOKEN, Running

RULED = """
[thumb.rules]
long_min = 5000
"""
"""A file of presets by which every thumbnail breaks a rule, and so is held."""

AUTH = {"authorization": f"Bearer {TOKEN}"}


async def post(server: Running, url: str, body: Any = None, **headers: str) -> httpx.Response:
    """A POST with the token; a dict or list goes as JSON, text as CSV."""
    told = AUTH | {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, dict | list):
        return await server.http.post(url, json=body, headers=told)
    return await server.http.post(
        url, content=body or "", headers={"content-type": "text/csv"} | told
    )


async def get(server: Running, url: str) -> httpx.Response:
    return await server.http.get(url, headers=AUTH)


async def delete(server: Running, url: str) -> httpx.Response:
    return await server.http.delete(url, headers=AUTH)


async def over(server: Running, job: str) -> dict[str, Any]:
    """The job once it is over."""
    for _ in range(3600):
        facts = (await get(server, f"/-/jobs/{job}")).json()
        if facts["status"] not in ("queued", "running", "paused"):
            return facts
        await asyncio.sleep(0.05)
    raise AssertionError(facts)


async def run(server: Running, url: str, body: Any, **headers: str) -> dict[str, Any]:
    """Submit, and the job once it is over."""
    answer = await post(server, url, body, **headers)
    assert answer.status_code == 202, answer.text
    return await over(server, answer.json()["id"])


async def items(server: Running, job: str, status: str = "") -> list[dict[str, Any]]:
    answer = await get(server, f"/-/jobs/{job}/items?status={status}&limit=1000")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]
