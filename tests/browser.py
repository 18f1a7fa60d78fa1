"""A headless Chromium, spoken to by its own protocol: keys are pressed, pictures taken of the page.

https://chromedevtools.github.io/devtools-protocol/
"""

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.parts import need

_SECONDS = 180.0


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.errors: list[str] = []

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        while True:
            told = await self._socket.receive_json(timeout=_SECONDS)
            if told.get("id") == self._last:
                assert "error" not in told, told
                return told["result"]
            level = told.get("params", {}).get("entry", {}).get("level")
            if told.get("method") == "Runtime.exceptionThrown" or level == "error":
                self.errors.append(json.dumps(told["params"]))

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.ask(f"{domain}.enable")
        await self.ask("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def value(self, expression: str) -> Any:
        """What some JavaScript gives."""
        told = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return told["result"].get("value")

    async def until(self, expression: str) -> None:
        for _ in range(int(_SECONDS / 0.05)):
            if await self.value(f"Boolean({expression})"):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {expression}; {self.errors}")

    async def press(self, *keys: str) -> None:
        """Keys as a person presses them: `a`, `Enter`, `Tab`."""
        for key in keys:
            named = {"Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, "")}
            code, text = named.get(key, (ord(key.upper()[0]), key))
            facts = {"key": key, "windowsVirtualKeyCode": code}
            await self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **facts)
            await self.ask("Input.dispatchKeyEvent", type="keyUp", **facts)

    async def type(self, text: str) -> None:
        await self.ask("Input.insertText", text=text)

    async def screenshot(self, path: Path) -> None:
        told = await self.ask("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(told["data"]))


@asynccontextmanager
async def chromium(width: int = 1280, height: int = 860) -> AsyncIterator[Page]:
    """A browser with one empty tab."""
    program = need("chromium")
    with tempfile.TemporaryDirectory(prefix="edge-chromium-", ignore_cleanup_errors=True) as home:
        process = await asyncio.create_subprocess_exec(
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={home}",
            f"--window-size={width},{height}", "about:blank",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = await _port(Path(home, "DevToolsActivePort"), process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    tabs = await answer.json()
                address = next(t["webSocketDebuggerUrl"] for t in tabs if t["type"] == "page")
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.kill()
            await process.wait()


async def _port(file: Path, process: asyncio.subprocess.Process) -> int:
    for _ in range(int(_SECONDS / 0.1)):
        assert process.returncode is None, "the browser ended at start"
        if told := await asyncio.to_thread(_text_of, file):
            return int(told.splitlines()[0])
        await asyncio.sleep(0.1)
    raise AssertionError("the browser does not answer")


def _text_of(file: Path) -> str:
    return file.read_text() if file.exists() else ""
