"""The JavaScript clients do what the server does, in the runtimes and frameworks they are for."""

import re
import subprocess
import time
from html import unescape
from urllib.request import urlopen

import pytest

from tests.clients.running import CLIENTS, HERE, NODE, packages, run
from tests.parts import free_port

BASE = "https://images.example.com"


def test_the_module_writes_what_the_server_writes():
    run("node", "--test", HERE / "edge.test.mjs")


@pytest.mark.slow
def test_the_types_are_those_of_the_module():
    folder = packages("packages")
    options = (
        "--strict",
        "--noEmit",
        "--module",
        "nodenext",
        "--target",
        "es2022",
        "--lib",
        "es2022,dom",
    )
    run("node_modules/.bin/tsc", *options, "use.mts", cwd=folder)


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["liquid", "frameworks"])
def test_it_serves_in(suite):
    """A real Liquid engine; Next's own Image, React's renderer, unpic's component maths."""
    run("node", "--test", f"{suite}.test.mjs", cwd=packages("packages"))


@pytest.mark.slow
def test_a_built_nuxt_page_asks_edge_for_its_pictures():
    folder = packages("nuxt")
    run("node_modules/.bin/nuxt", "build", cwd=folder, NUXT_TELEMETRY_DISABLED="1")
    port = free_port()
    server = subprocess.Popen(
        [NODE, ".output/server/index.mjs"],
        cwd=folder,
        env={"PORT": str(port), "HOST": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
    )
    try:
        page = _first_page(port)
    finally:
        server.terminate()
        server.wait()
    tag = unescape(re.search(r"<img[^>]*>", page)[0])
    assert f'src="{BASE}/sku/red%20shoe.jpg?' in tag
    asked = re.findall(r"\?fm=webp&fmt=thumb&h=(\d+)&shadow=1&w=(\d+) (\d+)w", tag)
    assert len(asked) >= 2
    assert all(int(wide) == int(told) == int(high) * 4 // 3 for high, wide, told in asked)


def _first_page(port: int) -> str:
    """What the server answers once it listens."""
    for _ in range(1200):
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the built page is not served")


def test_the_package_is_ready_to_publish(tmp_path):
    listed = run("npm", "pack", "--dry-run", "--json", cwd=CLIENTS / "js")
    for name in ("edge.js", "edge.d.ts", "next.js", "react.js", "nuxt.js", "unpic.js", "README.md"):
        assert f'"{name}"' in listed
