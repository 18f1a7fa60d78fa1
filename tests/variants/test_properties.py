"""The grammar under any text at all, and the canonical form under every order and alias."""

from contextlib import suppress
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from edge.errors import OriginalNotFound, RequestError
from edge.variants import paths, presets
from edge.variants.parameters import BY_NAME, PARAMETERS, PICTURE
from edge.variants.query import read
from tests.variants.canonical import parse

SHIPPED = presets.load()
PICTURE_WORDS = tuple(sorted(PICTURE | {"fmt", "preset", "dpr"}))

raw_text = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60)
any_name = st.sampled_from(sorted(BY_NAME)) | raw_text
any_value = st.text(max_size=20).map(lambda text: quote(text, safe="", errors="replace")) | raw_text
any_query = st.lists(
    st.tuples(any_name, any_value).map("=".join), max_size=8
).map("&".join)  # fmt: skip


def _values(parameter):
    """Texts that the parameter's kind accepts, and a few that it may."""
    kind = parameter.kind
    texts = st.sampled_from([parameter.example, *kind.choices, *sorted(kind.accepts)])
    if kind.low is not None:
        numbers = st.integers(int(kind.low) or 1, min(int(kind.high), 4000)).map(str)
        texts = texts | numbers
    if parameter.name == "ar":
        texts = texts | st.tuples(st.integers(1, 40), st.integers(1, 40)).map(
            lambda sides: f"{sides[0]}:{sides[1]}"
        )
    if parameter.name in ("g", "crop", "frame", "dpr"):
        share = st.floats(0, 1, allow_nan=False).map(lambda number: f"{number:.5f}")
        count = {"g": 2, "crop": 4}.get(parameter.name, 1)
        texts = texts | st.lists(share, min_size=count, max_size=count).map(",".join)
    if parameter.name == "bg":
        texts = texts | st.from_regex(r"[0-9a-f]{6}([0-9a-f]{2})?", fullmatch=True)
    return texts


@st.composite
def requested(draw, names=PICTURE_WORDS):
    """Words of a query by their own names, each with a value that may well be right."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=8))
    pairs = [(name, draw(_values(BY_NAME[name]))) for name in chosen]
    if "preset" in chosen or "fmt" in chosen:
        name = draw(st.sampled_from(SHIPPED.names))
        pairs = [(n, name if n in ("preset", "fmt") else value) for n, value in pairs]
    return pairs


def _query(pairs):
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)


def _transform(query):
    """The transform of a query, or None where it is refused."""
    try:
        return read(query, SHIPPED).transform
    except RequestError:
        return None


@given(any_query, st.booleans(), st.sampled_from([(), (320, 640)]))
def test_no_query_raises_anything_but_a_request_error(query, strict, widths):
    try:
        transform = read(query, SHIPPED, strict=strict, widths=widths).transform
    except RequestError:
        return
    assert parse(transform.canonical()) == transform


@given(st.text(max_size=80))
def test_no_text_raises_anything_but_what_is_said(text):
    with suppress(RequestError):
        read(text, SHIPPED)
    with suppress(RequestError, OriginalNotFound):
        paths.read(text)


@given(requested())
def test_the_canonical_form_is_a_fixed_point(pairs):
    transform = _transform(_query(pairs))
    if transform is None:
        return
    canonical = transform.canonical()
    assert parse(canonical) == transform
    assert parse(canonical).canonical() == canonical
    assert quote(canonical, safe="&=@:.,_-") == canonical
    if not transform.preset:
        assert read(canonical, SHIPPED).transform == transform


@given(requested(), st.randoms(use_true_random=False))
def test_order_and_aliases_change_nothing(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    aliased = [(random.choice((n, *BY_NAME[n].aliases)), value) for n, value in shuffled]
    assert _transform(_query(aliased)) == _transform(_query(pairs))


@given(
    requested(), st.lists(st.sampled_from(["utm_source=a", "gclid=b", "nonsense=1"]), max_size=3)
)
def test_foreign_parameters_change_nothing(pairs, foreign):
    query = _query(pairs)
    assert _transform("&".join([*foreign, query])) == _transform(query)


@given(requested(names=("w", "h", "ar", "size", "dpr")))
def test_no_length_leaves_the_allowed_widths(pairs):
    widths = (320, 640, 1280)
    try:
        transform = read(_query(pairs), SHIPPED, widths=widths).transform
    except RequestError:
        return
    asked = {name for name, _ in pairs}
    if "w" in asked:
        assert transform.width in widths
    elif "h" in asked:
        assert transform.height in widths
    elif "size" in asked:
        assert (transform.long_side or max(transform.width, transform.height)) in widths


def test_the_properties_reach_every_parameter_of_a_picture():
    """Guards the strategies above: each row must yield a value that its kind reads."""
    for row in PARAMETERS:
        if row.name in PICTURE:
            assert _transform(f"{row.name}={quote(row.example, safe='')}") is not None
