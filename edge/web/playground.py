"""The page at `/`: pictures of this server in sizes, formats and presets, and a form to try more.

The page is plain HTML, and everything on it is a link that works without its one small script.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edge import __version__
from edge.variants.kinds import Kind
from edge.variants.parameters import PARAMETERS, Group, Parameter
from edge.variants.presets import Preset, Presets

Browse = Callable[[], Awaitable[Sequence[str]]]
"""Some paths of originals; empty where the origin cannot list."""

_TEXT = files("edge.web").joinpath("playground.html").read_text(encoding="utf-8")
_PAGE = Template(_TEXT)


def _hashed(tag: str) -> str:
    """The CSP source of the page's one inline element of this kind."""
    [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", _TEXT, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


_CSP = (
    f"default-src 'none'; style-src {_hashed('style')}; script-src {_hashed('script')}; "
    "img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

_SIZES = ("w=160", "w=320", "w=640", "w=1200", "w=320&dpr=2", "size=1k")
_FORMATS = ("jpg", "webp", "avif", "png")
_PRESETS = ("amazon", "shopify", "etsy", "instagram", "tiktok", "thumb")
_CHANGES = (
    "w=320&ar=1:1",
    "w=320&h=320&fit=pad&bg=blur",
    "w=320&ar=16:9&g=subject",
    "w=320&ar=9:16&g=subject",
    "w=320&h=240&fit=pad&bg=f4efe6",
    "w=240&rot=90",
    "w=240&flip=h",
    "w=240&blur=6",
)
_FIELDS = (Group.SIZE, Group.CHANGE, Group.SUBJECT, Group.FILE)
"""The groups of parameters that the form has fields for, below preset and format."""

_NOTHING = (
    "<p>This origin cannot list its pictures, or they are asked for by signed URLs alone. "
    "Ask for one by its path: "
    "<code>/sku/123.jpg?w=640</code></p>"
)


class Playground:
    """Args: what to browse, and the presets."""

    def __init__(self, browse: Browse, presets: Presets) -> None:
        self._browse = browse
        self._presets = presets

    async def get(self, request: Request) -> Response:
        paths = await self._browse()
        page = _PAGE.substitute(
            version=escape(__version__),
            bench=_bench(paths, self._presets) if paths else "",
            pictures="\n".join(_card(path, self._presets) for path in paths) or _NOTHING,
            changed=_changed(paths[0]) if paths else "",
            presets="\n".join(_preset_row(preset, paths) for preset in self._presets),
            parameters="\n".join(_parameter_rows()),
        )
        headers = {"content-security-policy": _CSP, "cache-control": "no-cache"}
        return HTMLResponse(page, headers=headers)


def _bench(paths: Sequence[str], presets: Presets) -> str:
    """The form, and where its picture is shown; the script fills it."""
    pictures = "".join(f"<option>{escape(path)}" for path in paths)
    named = "".join(
        f'<option value="{escape(p.name)}">{escape(f"{p.name}: {p.title}")}' for p in presets
    )
    groups = "\n".join(_group(group, is_open=group is Group.SIZE) for group in _FIELDS)
    return f"""<div class="bench">
<section class="view" aria-live="polite">
<div class="stage" id="stage"><img id="picture" alt="The rendition" hidden>
<p id="problem">Without JavaScript this form is idle; every link below works all the same.</p></div>
<a class="url" id="link" href="{_url(paths[0], "w=800")}">{_url(paths[0], "w=800")}</a>
<p><a id="explain" href="/-/explain{_url(paths[0], "w=800")}">how it is made</a></p>
<dl id="facts"></dl>
</section>
<form id="try">
<div class="fields">
<label class="wide">picture<select name="path">{pictures}</select></label>
<label class="two">fmt<select name="fmt"><option value="">no preset{named}</select></label>
{_field(_named("fm"))}
</div>
{groups}
<details><summary>Anything else</summary><div class="fields"><label class="wide">further words
<input name="more" placeholder="strict=1&amp;v=7" autocomplete="off"></label></div></details>
<p><input type="reset" value="Start over"></p>
</form>
</div>"""


def _named(name: str) -> Parameter:
    return next(row for row in PARAMETERS if row.name == name)


def _group(group: Group, *, is_open: bool) -> str:
    fields = "\n".join(_field(row) for row in PARAMETERS if row.group is group)
    return (
        f"<details{' open' if is_open else ''}><summary>{escape(group)}</summary>"
        f'<div class="fields">{fields}</div></details>'
    )


def _field(row: Parameter) -> str:
    """One parameter of the table as a field: a list where its words are all there is."""
    name, hint = escape(row.name), escape(f"{row.help} Allowed: {row.kind.allowed}")
    if _is_closed(row.kind):
        words = "".join(f"<option>{escape(word)}" for word in row.kind.choices)
        inner = f'<select name="{name}"><option value="">{words}</select>'
    else:
        value = ' value="800"' if row.name == "w" else ""
        words = "".join(f"<option>{escape(word)}" for word in row.kind.choices)
        inner = (
            f'<input name="{name}"{value} list="of-{name}" autocomplete="off" '
            f'placeholder="{escape(row.example)}"><datalist id="of-{name}">{words}</datalist>'
        )
    return f'<label title="{hint}">{name}{inner}</label>'


def _is_closed(kind: Kind) -> bool:
    """Whether the words of a kind are all that it takes."""
    rest = kind.allowed.removeprefix(" | ".join(kind.choices))
    return bool(kind.choices) and (not rest or rest.startswith(" ("))


def _card(path: str, presets: Presets) -> str:
    thumb = "w=240&h=240"
    formats = [f"w=480&fm={format}" for format in _FORMATS]
    named = [f"fmt={name}" for name in _PRESETS if name in presets]
    return (
        f'<article><a href="{_url(path, "w=1200")}"><img loading="lazy" width="240" height="240" '
        f'alt="{escape(_stem(path))}" src="{_url(path, thumb)}" '
        f'srcset="{_url(path, f"{thumb}&dpr=2")} 2x"></a>'
        f"<h3>{escape(path)}</h3>"
        f"<p>{_links(path, _SIZES)}</p><p>{_links(path, formats)}</p><p>{_links(path, named)}</p>"
        f'<p><a href="#try" data-path="{escape(path)}">try it above</a> '
        f'<a href="/-/explain{_url(path, "w=640")}">how it is made</a></p></article>'
    )


def _changed(path: str) -> str:
    figures = "\n".join(
        f'<figure><a href="{_url(path, query)}"><img loading="lazy" alt="{escape(query)}" '
        f'src="{_url(path, query)}"></a><figcaption>{escape(query)}</figcaption></figure>'
        for query in _CHANGES
    )
    return f'<h2>One photo, changed</h2>\n<div class="strip">\n{figures}\n</div>'


def _preset_row(preset: Preset, paths: Sequence[str]) -> str:
    links = " ".join(
        f'<a href="{_url(path, f"fmt={preset.name}")}">{escape(_stem(path))}</a>'
        for path in paths[:6]
    )
    return (
        f"<tr><th><code>{escape(preset.name)}</code></th><td>{escape(preset.title)}</td>"
        f"<td>{_canvas(preset)}</td><td>{links}</td>"
    )


def _canvas(preset: Preset) -> str:
    wish = preset.transform
    if wish.width and wish.height:
        return f"{wish.width} × {wish.height}"
    return f"{wish.longest} on the {'long side' if wish.long_side else 'side given'}"


def _parameter_rows() -> Iterator[str]:
    for row in PARAMETERS:
        also = " ".join(f"<code>{escape(alias)}</code>" for alias in row.aliases)
        yield (
            f"<tr><th><code>{escape(row.name)}</code></th><td>{_prose(row.help)}</td>"
            f"<td>{escape(row.kind.allowed)}</td><td>{also}</td>"
        )


def _prose(text: str) -> str:
    return re.sub(r"`(.+?)`", r"<code>\1</code>", escape(text))


def _url(path: str, query: str) -> str:
    return escape(f"/{quote(path)}?{query}", quote=True)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0] or path


def _links(path: str, queries: Sequence[str]) -> str:
    return " ".join(f'<a href="{_url(path, q)}">{escape(q)}</a>' for q in queries)
