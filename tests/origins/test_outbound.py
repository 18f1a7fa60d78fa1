"""URLs that a user gives: what cannot be asked is refused before anything is, and says why."""

import pytest

from edge.errors import AddressForbidden, FeedRejected
from edge.origins.outbound import Outbound


@pytest.mark.parametrize("host", ["a..b", ".a", "x" * 64 + ".example", "."])
def test_a_host_that_has_no_name_is_refused(host: str) -> None:
    with pytest.raises(FeedRejected) as refused:
        Outbound((), 1.0).check(f"http://{host}/", "webhook")
    assert refused.value.param == "webhook"


def test_a_private_address_names_the_setting_of_jobs() -> None:
    with pytest.raises(AddressForbidden) as refused:
        Outbound((), 1.0).check("http://127.0.0.1/", "feed")
    assert refused.value.diagnostics == {"setting": "EDGE_JOBS_PRIVATE"}
    Outbound(("127.0.0.0/8",), 1.0).check("http://127.0.0.1/", "feed")
