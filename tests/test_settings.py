"""Settings: read once, each bad value named with what is allowed, and all of them in the docs."""

from pathlib import Path

import pytest

from edge import settings
from edge.errors import SettingsError

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


def test_defaults_serve_the_samples_on_loopback():
    loaded = settings.load({})
    assert (loaded.server.host, loaded.server.port) == ("127.0.0.1", 8080)
    assert loaded.cache.memory_bytes == 256 * 2**20
    assert loaded.origin.url == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1000", 1000), ("64KiB", 65536), ("2MB", 2_000_000), ("1.5 GiB", 1_610_612_736), ("0", 0)],
)
def test_bytes_may_carry_units(text, expected):
    assert settings.load({"EDGE_CACHE_MEMORY_BYTES": text}).cache.memory_bytes == expected


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("EDGE_SERVER_PORT", "99999", "0 to 65535"),
        ("EDGE_SERVER_PORT", "http", "0 to 65535"),
        ("EDGE_CACHE_MEMORY_BYTES", "much", "number of bytes"),
        ("EDGE_CACHE_MEMORY_BYTES", "-1", "at least 0"),
        ("EDGE_SERVER_LOG", "xml", "json | text"),
        ("EDGE_SIGNING_REQUIRED", "perhaps", "0 or 1"),
        ("EDGE_QUERY_WIDTHS", "320,wide", "whole numbers"),
        ("EDGE_TRITON_URL", "http://host:8000", "grpc://"),
    ],
)
def test_a_bad_value_is_refused_with_what_is_allowed(variable, value, told):
    with pytest.raises(SettingsError) as caught:
        settings.load({variable: value})
    assert variable in caught.value.detail
    assert told in caught.value.detail


def test_all_bad_values_are_named_at_once():
    with pytest.raises(SettingsError) as caught:
        settings.load({"EDGE_SERVER_PORT": "x", "EDGE_SERVER_LOG": "y"})
    assert caught.value.detail.count("\n") == 1


def test_an_unknown_variable_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean EDGE_CACHE_REDIS_URL"):
        settings.load({"EDGE_CACHE_REDIS_ULR": "redis://x"})


def test_variables_of_others_are_left_alone():
    assert settings.load({"PATH": "/bin", "EDGEWISE": "1"}) == settings.Settings()


def test_secrets_are_neither_printed_nor_repeated_in_errors():
    loaded = settings.load({"EDGE_ADMIN_TOKEN": "hush", "EDGE_SIGNING_KEYS": "a:whisper"})
    assert "hush" not in repr(loaded)
    assert "whisper" not in repr(loaded)
    with pytest.raises(SettingsError) as caught:
        settings.load({"EDGE_SIGNING_KEYS": "whisper"})
    assert "whisper" not in caught.value.detail


def test_required_signatures_need_keys():
    with pytest.raises(SettingsError, match="EDGE_SIGNING_KEYS"):
        settings.load({"EDGE_SIGNING_REQUIRED": "1"})


def test_the_docs_name_every_setting_and_no_other():
    documented = {
        line.split("`")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `EDGE_")
    }
    assert documented == {row.variable for row in settings.rows()}
