"""The memory tier's own promises: bounded by bytes, least recently used first out."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.cache.memory import MemoryTier, weight
from tests.cache.entries import key, rendition


async def test_bytes_stay_under_the_limit_whatever_is_put():
    """A page that asks for random variants fills the tier, and never more than that."""
    tier = MemoryTier(500_000)
    for number in range(2_000):
        await tier.put(key(number), rendition(number, 100 + number * 37 % 20_000))
        assert (await tier.usage()).bytes <= 500_000
    usage = await tier.usage()
    assert usage.bytes > 400_000, "it was filled, or the test shows nothing"
    assert usage.limit == 500_000


async def test_what_is_asked_for_stays_and_what_is_not_goes():
    one = weight(rendition(0, 10_000))
    tier = MemoryTier(one * 10)
    for number in range(10):
        await tier.put(key(number), rendition(number, 10_000))
    assert await tier.get(key(0)) is not None
    await tier.put(key("new"), rendition("new", 10_000))
    assert await tier.get(key(0)) is not None
    assert await tier.get(key(1)) is None


async def test_an_entry_that_would_push_out_too_much_is_not_kept():
    tier = MemoryTier(100_000)
    await tier.put(key(1), rendition(1, 1_000))
    await tier.put(key(2), rendition(2, 30_000))
    assert await tier.get(key(2)) is None
    assert await tier.get(key(1)) is not None


async def test_an_entry_that_grew_too_large_does_not_leave_its_old_self():
    tier = MemoryTier(100_000)
    await tier.put(key(1), rendition("old", 1_000))
    await tier.put(key(1), rendition("new", 90_000))
    assert await tier.get(key(1)) is None


# A machine busy with other work must not be taken for a slow test.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("put", "get", "purge")),
            st.integers(0, 12),
            st.integers(0, 4),
            st.integers(0, 4_000),
        ),
        max_size=80,
    )
)
async def test_after_any_history_tags_name_exactly_what_is_held(history):
    tier = MemoryTier(30_000)
    for what, number, tag, length in history:
        if what == "put":
            made = rendition(number, length, tags=(f"t{tag}", f"t{tag + 1}", f"t{tag}"))
            await tier.put(key(number), made)
        elif what == "get":
            await tier.get(key(number))
        else:
            await tier.purge(f"t{tag}")
    held = [found for number in range(13) if (found := await tier.get(key(number)))]
    assert (await tier.usage()).entries == len(held)
    assert (await tier.usage()).bytes == sum(weight(found) for found in held) <= 30_000
    for tag in range(6):
        carrying = [found for found in held if f"t{tag}" in found.tags]
        held = [found for found in held if f"t{tag}" not in found.tags]
        assert await tier.purge(f"t{tag}") == len(carrying)
    assert (await tier.usage()).bytes == 0
