"""Figures as SVG, and one page that carries them all: a report that needs no other file."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape

import matplotlib

matplotlib.use("svg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = (
    *("#0b6e4f", "#3a86c8", "#7b5ea7", "#5f6b76", "#c77d0a"),
    *("#8f4e2a", "#1b998b", "#b8a90b", "#d1495b", "#b15928", "#7a0c0c"),
)
"""Told apart by people with any colour vision, on white."""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem;
       color: #1c2329; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
table { border-collapse: collapse; margin: .6rem 0 } caption { text-align: left; color: #5f6b76 }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #dde2e6;
         vertical-align: top }
td.number, th.number { text-align: right; white-space: nowrap }
td.number { font-variant-numeric: tabular-nums } td.bound { white-space: nowrap }
.met { color: #0b6e4f; font-weight: 600 } .missed { color: #b3261e; font-weight: 600 }
figure { margin: 1.2rem 0 } figcaption { color: #5f6b76 } svg { max-width: 100%; height: auto }
"""


@contextmanager
def figure(title: str, caption: str = "", height: float = 3.4) -> Iterator[tuple[Axes, list[str]]]:
    """Axes to draw on; the second value holds the finished HTML once the block has ended."""
    drawn = Figure(figsize=(9.5, height), layout="constrained")
    axes = drawn.add_subplot()
    axes.set_prop_cycle(color=COLOURS)
    axes.grid(True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    out: list[str] = []
    yield axes, out
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": title, "svg.fonttype": "none"}):
        drawn.savefig(buffer, format="svg", metadata={"Date": None, "Title": title})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace("<svg", '<svg role="img"', 1)
    out.append(
        f"<h2>{escape(title)}</h2><figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """An HTML table; numbers are set to the right."""
    numeric = [isinstance(value, int | float) for value in (rows[0] if rows else ())]
    numeric += [False] * (len(heads) - len(numeric))
    head = "".join(
        f'<th scope="col"{" class=number" * right}>{escape(text)}</th>'
        for text, right in zip(heads, numeric, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, Mark):
        return f'<td class="{"met" if value.met else "missed"}">{escape(value.text)}</td>'
    if isinstance(value, int | float):
        return f'<td class="number">{number(value)}</td>'
    return f"<td>{escape(str(value))}</td>"


class Mark:
    """A word in a table that says whether something is as it should be."""

    def __init__(self, met: bool, yes: str = "met", no: str = "missed") -> None:
        self.met = met
        self.text = yes if met else no


def number(value: float) -> str:
    """As people read it: three significant digits below a thousand, whole above."""
    if value != value:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def page(title: str, parts: Sequence[str]) -> str:
    """One whole HTML file."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )
