"""Presets, keys and tokens come from files that are read anew while the server runs."""

import os
import signal
import subprocess
import sys
import time

import pytest

from edge.errors import PresetsFileError
from tests.cli.test_main import fetched
from tests.parts import free_port
from tests.test_serving import exchange, request

URL = "/sku/123.jpg?fmt=card"


def card(width: int, rules: str = "") -> str:
    return f'[card]\nw = "{width}"\nh = "{width}"\nfit = "cover"\nfm = "jpg"\n{rules}'


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "presets.toml"
    file.write_text(card(80))
    return file


async def size(server) -> str:
    return (await server.get(URL)).headers["x-edge-size"]


async def test_presets_are_exchanged_everywhere_at_once(serve, file):
    server = await serve(EDGE_PRESETS_FILE=str(file))
    assert await size(server) == "80x80"
    file.write_text(card(96) + card(64).replace("[card]", "[chip]"))
    await server.parts.reload()
    assert await size(server) == "96x96"
    assert (await server.get("/sku/123.jpg?fmt=chip")).headers["x-edge-size"] == "64x64"
    explained = (await server.get("/-/explain/sku/123.jpg?fmt=card")).json()
    assert explained["plan"]["canvas"] == [96, 96]
    assert "chip" in (await server.get("/-/openapi.json")).json()["info"]["description"]
    assert 'data-preset="chip"' in (await server.get("/")).text
    assert await server.metric('edge_reloads_total{file="presets",outcome="ok"}') == 1
    assert await server.metric('edge_reload_successful{file="presets"}') == 1


@pytest.mark.parametrize("text", ["[card", '[card]\nwidht = "9"\n', None])
async def test_a_bad_file_changes_nothing_and_is_told(serve, file, caplog, text):
    server = await serve(EDGE_PRESETS_FILE=str(file))
    assert await size(server) == "80x80"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    await server.parts.reload()
    assert await size(server) == "80x80"
    [told] = [record for record in caplog.records if "not taken over" in record.message]
    assert told.levelname == "ERROR"
    assert str(file) in told.detail
    assert await server.metric('edge_reloads_total{file="presets",outcome="failed"}') == 1
    assert await server.metric('edge_reload_successful{file="presets"}') == 0
    file.write_text(card(96))
    await server.parts.reload()
    assert await size(server) == "96x96"
    assert await server.metric('edge_reload_successful{file="presets"}') == 1


async def test_a_preset_that_went_is_an_unknown_one(serve, file):
    server = await serve(EDGE_PRESETS_FILE=str(file))
    assert await size(server) == "80x80"
    file.write_text(card(80).replace("[card]", "[cart]"))
    await server.parts.reload()
    answer = await server.get(URL)
    assert (answer.status_code, answer.json()["nearest"]) == (400, "cart")


async def test_new_rules_count_for_new_pictures(serve, file):
    server = await serve(EDGE_PRESETS_FILE=str(file))
    assert "x-edge-compliance" not in (await server.get(URL)).headers
    file.write_text(card(80, "[card.rules]\nlong_min = 1000\n"))
    await server.parts.reload()
    assert "rule=long_min" in (await server.get(URL)).headers["x-edge-compliance"]


async def test_at_the_start_a_bad_file_stops_it(serve, file):
    file.write_text("[card")
    with pytest.raises(PresetsFileError, match="EDGE_PRESETS_FILE"):
        await serve(EDGE_PRESETS_FILE=str(file))


@pytest.mark.slow
def test_a_hangup_reads_presets_anew_in_a_running_process(file, tmp_path):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "serve"],
        env={**os.environ, "EDGE_SERVER_PORT": str(port), "EDGE_PRESETS_FILE": str(file)},
        stderr=subprocess.DEVNULL,
    )
    try:
        fetched(f"http://127.0.0.1:{port}/-/healthz")
        path = "/bottle.jpg?fmt=card"

        def told() -> bytes:
            return exchange(port, request(path=path, connection="close"))

        assert b"x-edge-size: 80x80" in told()
        file.write_text(card(96))
        process.send_signal(signal.SIGHUP)
        for _ in range(2400):
            if b"x-edge-size: 96x96" in told():
                break
            time.sleep(0.05)
        else:
            pytest.fail("the file was not read anew")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
