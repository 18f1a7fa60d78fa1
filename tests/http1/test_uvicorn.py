"""What is used of uvicorn's insides is there, in the versions that the package admits."""

import inspect
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl

from edge.http1.protocol import Protocol

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
TESTED = "0.54"
"""The minor version whose protocol class `edge.http1` was written and tested against. With another:
read the changes of `uvicorn/protocols/http/httptools_impl.py`, run `tests/http1`, then raise this
and the range in `pyproject.toml`."""

OVERRIDDEN = (
    "connection_made", "connection_lost", "data_received", "resume_writing", "on_response_complete",
    "on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body",
    "on_message_complete", "_start_asgi_task", "_should_upgrade_to_ws",
)  # fmt: skip
CYCLE = (
    "scope", "keep_alive", "disconnected", "response_started", "response_complete",
    "message_event", "default_headers", "on_response", "more_body", "body",
)  # fmt: skip


def test_the_installed_uvicorn_is_of_the_minor_version_that_was_tested() -> None:
    assert version("uvicorn").startswith(f"{TESTED}."), TESTED


def test_the_package_admits_that_minor_version_alone() -> None:
    wanted = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    (uvicorn,) = [line for line in wanted if re.match(r"uvicorn\b", line)]
    major, minor = map(int, TESTED.split("."))
    assert uvicorn == f"uvicorn>={TESTED},<{major}.{minor + 1}"


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_is_overridden_is_still_called_so(name: str) -> None:
    theirs = getattr(httptools_impl.HttpToolsProtocol, name)
    ours = getattr(Protocol, name)
    given = list(inspect.signature(theirs).parameters)
    assert list(inspect.signature(ours).parameters)[: len(given)] == given or ours is theirs


@pytest.mark.parametrize("name", CYCLE)
def test_a_request_cycle_still_has_what_is_read_and_set(name: str) -> None:
    assert f"self.{name}" in inspect.getsource(httptools_impl.RequestResponseCycle)


def test_flow_control_and_status_lines_are_there() -> None:
    assert {"pause_reading", "resume_reading", "write_paused", "read_paused"} <= {
        *vars(FlowControl), *re.findall(r"self\.(\w+)", inspect.getsource(FlowControl))
    }  # fmt: skip
    assert httptools_impl.STATUS_LINE[200].startswith(b"HTTP/1.1 200 ")
