"""The page at `/` in a real browser: what its tests press, type and read."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.browser import Page, chromium
from tests.clients import running

SIZES = ((1440, 1000), (1024, 800), (768, 1024), (360, 740))
"""Desktop, small desktop, tablet upright, phone."""

_AXE = Path(__file__).parent


class Bench:
    """The page, opened on one server."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base

    async def open(self, image_request: str = "", search: str = "") -> None:
        """The page with this picture in its address, as anew."""
        await self.page.open("about:blank")
        await self.page.open(f"{self.base}/{search}{'#' if image_request else ''}{image_request}")
        await self.settled()

    async def settled(self) -> None:
        await self.page.until("document.body.dataset.shown")

    async def set(self, **values: str) -> None:
        """Types into controls, as a person does, and waits for the picture."""
        for name, value in values.items():
            await self.run(
                f"const field = document.forms.try.elements[{json.dumps(name)}];"
                f"field.value = {json.dumps(value)};"
                "field.dispatchEvent(new Event('input', {bubbles: true}));"
            )
        await self.settled()

    async def run(self, script: str) -> Any:
        return await self.page.value(f"(() => {{ {script} }})()")

    async def wait(self, script: str) -> Any:
        """What a promise comes to."""
        told = await self.page.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def text(self, selector: str) -> str:
        return await self.run(f"return document.querySelector({json.dumps(selector)}).innerText")

    async def click(self, selector: str) -> None:
        await self.run(f"document.querySelector({json.dumps(selector)}).click()")

    async def drawn(self) -> str:
        """A digest of the pixels that are shown now; empty where there are none."""
        return await self.wait(
            "(async () => { const picture = document.getElementById('picture');"
            " if (document.getElementById('canvas').hidden) return '';"
            " const wide = picture.naturalWidth, high = picture.naturalHeight;"
            " const pen = new OffscreenCanvas(wide, high).getContext('2d');"
            " pen.drawImage(picture, 0, 0);"
            " const sum = await crypto.subtle.digest('SHA-256',"
            " pen.getImageData(0, 0, wide, high).data);"
            " return [wide, high, ...new Uint8Array(sum)].join(); })()"
        )

    async def sized(self, width: int, height: int, scheme: str = "light") -> None:
        await self.page.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.page.ask("Emulation.setEmulatedMedia", features=features)

    async def violations(self) -> list[str]:
        """What axe finds, each with the first elements that it is about."""
        axe = running.packages("axe", _AXE) / "node_modules" / "axe-core" / "axe.min.js"
        if await self.page.value("typeof axe") == "undefined":
            await self.page.ask("Runtime.evaluate", expression=axe.read_text())
        found = json.loads(
            await self.wait("axe.run().then((told) => JSON.stringify(told.violations))")
        )
        return [
            f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found
        ]


@asynccontextmanager
async def bench(server: Any) -> AsyncIterator[Bench]:
    async with chromium(1440, 1000) as page:
        yield Bench(page, f"http://127.0.0.1:{server.port}")
