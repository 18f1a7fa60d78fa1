"""How many renditions does a gigabyte of Redis hold? By Redis's own count of its memory.

    .venv/bin/python loadtest/redis_memory.py

Each kind of picture is made of every bundled sample, into a Redis with nothing else in it; what
cuts a subject out keeps the cut-out there, too.
"""

import subprocess
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

import redis
from common import edge_on, free_port

SAMPLES = sorted((Path(__file__).parent.parent / "edge" / "samples").glob("*.jpg"))
KINDS = {
    "thumb, WebP": "fmt=thumb&fm=webp",
    "400 px JPEG": "w=400&fm=jpg",
    "800 px WebP": "w=800&up=off&fm=webp",
    "amazon, 2048 px JPEG": "fmt=amazon&w=2048",
    "shopify-cutout, 2048 px PNG": "fmt=shopify-cutout",
}


def fetched(url: str) -> bytes:
    with urlopen(url, timeout=120) as answer:
        body: bytes = answer.read()
        return body


def used(client: redis.Redis) -> int:
    """Bytes of what is stored, once the connections' buffers have shrunk again."""
    time.sleep(3)
    return int(client.info("memory")["used_memory_dataset"])


def wait_for(client: redis.Redis) -> None:
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            time.sleep(0.1)


def main() -> None:
    port = free_port()
    client = redis.Redis(port=port)
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with tempfile.TemporaryDirectory() as folder:
        wished = {"EDGE_CACHE_REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        with (
            subprocess.Popen(
                ["redis-server", *options, "--dir", folder], stdout=subprocess.DEVNULL
            ) as store,
            edge_on(SAMPLES[0].parent, **wished, EDGE_SERVER_DEADLINE="120") as base,
        ):
            wait_for(client)
            print("| picture | bytes of a file | bytes in Redis | in a gigabyte |")
            print("|---|---|---|---|")
            for kind, query in KINDS.items():
                client.flushall()
                before = used(client)
                sizes = [len(fetched(f"{base}/{each.name}?{query}")) for each in SAMPLES]
                each = (used(client) - before) / len(sizes)
                mean = sum(sizes) / len(sizes)
                print(f"| {kind} | {mean:,.0f} | {each:,.0f} | {1e9 / each:,.0f} |")
            store.terminate()


if __name__ == "__main__":
    main()
