"""The stored form of a rendition: whole or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.base import HEAD_BYTES, key_tag, pack, tagged_key, unpack, unpack_tags
from edge.errors import TierError
from edge.images import Format, Rendition, Size
from edge.reported import ColourShift, Compliance, Reported, Synthesized
from tests.cache.entries import key, rendition

names = st.lists(st.text("abcde-", min_size=1), max_size=3).map(tuple)
shares = st.floats(0, 1)
REPORTED = st.builds(
    Reported,
    st.none() | st.builds(Compliance, st.text(), st.text(), names, names, names, st.text()),
    st.none() | st.builds(Synthesized, shares, shares, st.booleans()),
    st.none() | st.builds(ColourShift, st.none() | shares, st.none() | shares, st.none() | shares),
    st.text(),
    st.text(),
    names,
)
text = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(
    body=st.binary(max_size=500),
    format=st.sampled_from(Format),
    tags=st.lists(text, max_size=5).map(tuple),
    notes=st.lists(st.tuples(text, text), max_size=3).map(tuple),
    reported=REPORTED,
)
def test_unpack_gives_back_what_was_packed(body, format, tags, notes, reported):
    made = Rendition.of(body, format, Size(3, 5), tags=tags, notes=notes, reported=reported)
    assert unpack(pack(made, key(1)), key(1)) == made
    assert unpack_tags(pack(made, key(1))[:HEAD_BYTES], key(1)) == tags


@given(place=st.integers(0, 400), bit=st.integers(0, 7))
def test_a_single_flipped_bit_anywhere_is_found(place, bit):
    entry = bytearray(pack(rendition(length=100), key(1)))
    entry[place % len(entry)] ^= 1 << bit
    with pytest.raises(TierError):
        unpack(bytes(entry), key(1))


def test_an_entry_cut_short_or_lengthened_anywhere_is_refused():
    entry = pack(rendition(length=100), key(1))
    for length in range(len(entry)):
        with pytest.raises(TierError):
            unpack(entry[:length], key(1))
    with pytest.raises(TierError):
        unpack(entry + b"\0", key(1))


def test_an_entry_whose_tags_would_not_fit_the_header_is_not_packed():
    with pytest.raises(TierError):
        pack(rendition(tags=("x" * HEAD_BYTES,)), key(1))


def test_only_a_key_tag_names_a_key():
    assert tagged_key(key_tag(key(1))) == key(1)
    for tag in ("preset:amazon", "key:", "key:short", key(1)):
        assert tagged_key(tag) is None


def test_an_entry_of_another_key_is_none():
    with pytest.raises(TierError, match="another key"):
        unpack(pack(rendition(), key(1)), key(2))
