"""Which failures are worth another try, and how long to wait before it."""

import random

from edge.errors import (
    Busy,
    DeadlineExceeded,
    EdgeError,
    JobsUnavailable,
    ModelUnavailable,
    OriginError,
    TierError,
)

_MAY_PASS = (
    Busy, DeadlineExceeded, JobsUnavailable, ModelUnavailable, OriginError, TierError,
)  # fmt: skip
_LONGEST_REQUESTED = 3600.0


def may_pass(error: BaseException) -> bool:
    """Whether another try may succeed; unknown exceptions count as temporary."""
    return isinstance(error, _MAY_PASS) or not isinstance(error, EdgeError)


def wait(error: BaseException | None, tries: int, first: float, longest: float) -> float:
    """Seconds before the next try: doubled each time, half of it by chance, so that what failed
    together does not come again together; never sooner than whoever failed has asked for.

    Args:
        tries: made so far, at least 1.
        first, longest: bounds of the wait in seconds.
    """
    backoff = min(longest, first * 2.0 ** min(tries - 1, 30))
    jittered = backoff * random.uniform(0.5, 1.0)
    requested = getattr(error, "retry_after", None) or 0.0
    if requested:  # several that were sent away together: spread behind that moment
        return float(min(_LONGEST_REQUESTED, requested)) + jittered * 0.25
    return jittered
