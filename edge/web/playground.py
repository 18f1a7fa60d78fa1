"""The page at `/`: an original beside its rendition, every parameter as a control, and a gallery.

The page is one answer without a request to anywhere else. Its links work without its script.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from html import escape
from string import Template
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edge import __version__
from edge.kinds import Kind
from edge.variants.parameters import PARAMETERS, Group, Parameter
from edge.variants.presets import Preset, Presets
from edge.web import pages

Browse = Callable[[], Awaitable[Sequence[str]]]
"""Some paths of originals; empty where the origin cannot list."""

_SCRIPTS = ("state", "stage", "report", "share", "gallery", "main")


class _Page(Template):
    delimiter = "@@"


def _assembled() -> str:
    """The page with its style and script in it, and the places for what differs by server."""
    parts = "\n".join(pages.text_of(f"page/{name}.js") for name in _SCRIPTS)
    script = f'"use strict";\n(() => {{\n{parts}\n}})();'
    inlined = {"style": pages.text_of("page/style.css"), "script": script}
    return _Page(pages.text_of("page/index.html")).safe_substitute(inlined)


_TEXT = _assembled()
_PAGE = _Page(_TEXT)
_POLICY = pages.policy(_TEXT, images="'self' blob: data:", connect="'self'")

_FIELDS = (Group.SIZE, Group.CHANGE, Group.SUBJECT, Group.FILE, Group.DELIVERY)
"""The groups of parameters that have controls of their own, below preset and format."""


_SHORT = 3
"""Letters of a word that is shown with its longer alias."""

_NOTHING = (
    '<p class="hint">This origin cannot list its pictures, or URLs must be signed. '
    "Request one by its path: <code>/sku/123.jpg?w=640</code></p>"
)


class Playground:
    """Args: what to browse, the presets, and whether this server answers signed URLs only."""

    def __init__(self, browse: Browse, presets: Presets, *, signed: bool = False) -> None:
        self._browse = browse
        self._presets = presets
        self._signed = signed

    async def get(self, request: Request) -> Response:
        # Where URLs must be signed, the names of originals are not listed.
        paths = [] if self._signed else await self._browse()
        first = paths[0] if paths else ""
        page = _PAGE.substitute(
            version=escape(__version__),
            signed="1" if self._signed else "",
            first=escape(first),
            first_url=_url(first, "w=800") if first else "/",
            tabs="\n".join(_tabs(self._presets)),
            groups=_groups(self._presets),
            cards="\n".join(_card(path) for path in paths),
            nothing="" if paths else _NOTHING,
            parameters="\n".join(_parameter_rows()),
        )
        headers = {"content-security-policy": _POLICY, "cache-control": "no-cache"}
        return HTMLResponse(page, headers=headers)


def _tabs(presets: Presets) -> Iterator[str]:
    yield _tab("", "No preset", "any size", selected=True)
    for preset in presets:
        yield _tab(preset.name, preset.title, _canvas(preset), selected=False)


def _tab(name: str, title: str, canvas: str, *, selected: bool) -> str:
    return (
        f'<button type="button" class="tab" role="tab" aria-controls="panel" '
        f'aria-selected="{str(selected).lower()}" tabindex="{0 if selected else -1}" '
        f'data-preset="{escape(name)}" title="{escape(title)}"><span class="thumb"><img alt="">'
        f"</span><span>{escape(name or title)}</span><small>{escape(canvas)}</small></button>"
    )


def _canvas(preset: Preset) -> str:
    image_request = preset.transform
    if image_request.width and image_request.height:
        return f"{image_request.width} × {image_request.height}"
    return f"{image_request.longest} px"


def _groups(presets: Presets) -> str:
    named = "".join(
        f'<option value="{escape(p.name)}">{escape(f"{p.name}: {p.title}")}' for p in presets
    )
    row = _named("fmt")
    preset = _framed(
        row,
        f'<select name="fmt" aria-describedby="help-fmt note-fmt">'
        f'<option value="">no preset{named}</select>',
        wide=True,
    )
    groups = [f'<div class="fields">{preset}{_field(_named("fm"))}{_field(_named("q"))}</div>']
    for group in _FIELDS:
        fields = "\n".join(_field(p) for p in PARAMETERS if p.group is group and p.name != "q")
        opened = " open" if group in (Group.SIZE, Group.SUBJECT) else ""
        groups.append(
            f"<details{opened}><summary>{escape(group)}<em></em></summary>"
            f'<div class="fields">{fields}</div></details>'
        )
    groups.append(
        '<details><summary>Anything else<em></em></summary><div class="fields">'
        '<div class="field wide" data-word="more"><label><b>further words</b>'
        '<input name="more" aria-describedby="note-more" placeholder="old=1&amp;sharpen=auto" '
        'autocomplete="off" spellcheck="false"></label>'
        '<p class="field-note" id="note-more" hidden></p></div></div></details>'
    )
    return "\n".join(groups)


def _named(name: str) -> Parameter:
    return next(row for row in PARAMETERS if row.name == name)


def _field(row: Parameter) -> str:
    """One parameter of the table as a control: a list where its words are all there is."""
    name = escape(row.name)
    described = f'aria-describedby="help-{name} note-{name}"'
    if _is_closed(row.kind):
        words = "".join(f"<option>{escape(word)}" for word in row.kind.choices)
        empty = f'<option value="">{escape(row.default)}'
        default = f'data-default="{escape(row.default)}"'
        return _framed(row, f'<select name="{name}" {described} {default}>{empty}{words}</select>')
    value = ' value="800"' if row.name == "w" else ""
    words = "".join(f"<option>{escape(word)}" for word in row.kind.choices)
    listed = f'<datalist id="of-{name}">{words}</datalist>' if words else ""
    field = (
        f'<input name="{name}"{value} {described}{f" list=of-{name}" if words else ""} '
        f'autocomplete="off" spellcheck="false" placeholder="{escape(row.default)}" '
        f'data-default="{escape(row.default)}">'
    )
    return _framed(row, field, listed)


def _framed(row: Parameter, field: str, more: str = "", *, wide: bool = False) -> str:
    name = escape(row.name)
    also = f" {escape(row.aliases[0])}" if row.aliases and len(name) <= _SHORT else ""
    label = f"<label><b>{name}</b>{also}{field}</label>"
    if name == "bg":
        picker = '<input type="color" data-for="bg" value="#f4efe6" aria-label="bg as a colour">'
        label = f'<div class="with-colour">{label}{picker}</div>'
    return (
        f'<div class="field{" wide" if wide else ""}" data-word="{name}">{label}{more}'
        f'<p class="help" id="help-{name}">{_prose(row.help)} '
        f"Allowed: {escape(row.kind.allowed)}.</p>"
        f'<p class="field-note" id="note-{name}" hidden></p></div>'
    )


def _is_closed(kind: Kind) -> bool:
    """Whether the words of a kind are all that it takes."""
    rest = kind.allowed.removeprefix(" | ".join(kind.choices))
    return bool(kind.choices) and (not rest or rest.startswith(" ("))


def _card(path: str) -> str:
    """A picture of the first page, which works as a link where there is no script."""
    folder, _, name = path.rpartition("/")
    return (
        f'<li><a class="shot" href="{_url(path, "w=1200")}" data-path="{escape(path)}">'
        f'<img loading="lazy" width="200" height="200" alt="" src="{_url(path, "w=240&h=240")}">'
        f"<span>{escape(name)}</span><small>{escape(folder)}</small></a></li>"
    )


def _parameter_rows() -> Iterator[str]:
    for row in PARAMETERS:
        also = " ".join(f"<code>{escape(alias)}</code>" for alias in row.aliases)
        yield (
            f'<tr><th scope="row"><code>{escape(row.name)}</code></th><td>{_prose(row.help)}</td>'
            f"<td>{escape(row.kind.allowed)}</td><td>{also}</td></tr>"
        )


def _prose(text: str) -> str:
    return re.sub(r"`(.+?)`", r"<code>\1</code>", escape(text))


def _url(path: str, query: str) -> str:
    return escape(f"/{quote(path)}?{query}", quote=True)
