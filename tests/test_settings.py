"""Settings: read once, each bad value named with what is allowed, and all of them in the docs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge import app, settings
from edge.errors import EdgeError, SettingsError

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
        ("EDGE_CACHE_MEMORY_BYTES", "infGB", "number of bytes"),
        ("EDGE_SERVER_PORT", "8_080", "0 to 65535"),
        ("EDGE_SERVER_DEADLINE", "nan", "0.1 to 600"),
        ("EDGE_SERVER_DEADLINE", "1e2", "0.1 to 600"),
        ("EDGE_SERVER_DEADLINE", "\u0661\u0662", "0.1 to 600"),
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


WRONG = {
    "EDGE_ORIGIN_URL": "ftp://host/photos",
    "EDGE_ORIGIN_SCENES": "ftp://host/scenes",
    "EDGE_CACHE_REDIS_URL": "http://redis",
    "EDGE_PRESETS_FILE": "/no/such/presets.toml",
    "EDGE_SIGNING_KEYS": "a:short",
    "EDGE_SIGNING_FILE": "/no/such/keys.toml",
    "EDGE_ADMIN_TOKEN": "short",
    "EDGE_ADMIN_FILE": "/no/such/tokens.toml",
    "EDGE_JOBS_FILE": "/no/such/folder/jobs",
    "EDGE_JOBS_WEBHOOK_SECRET": "whsec_short",
    "EDGE_TRITON_URL": "http://host:8000",
    "EDGE_CACHE_STORE_URL": "s3://",
    "EDGE_ORIGIN_HTTP_ALLOW": "https://cdn.example.com/x",
    "EDGE_ORIGIN_HTTP_PRIVATE": "10.1.0.0/99",
    "EDGE_JOBS_PRIVATE": "nonsense",
    "EDGE_JOBS_EXPORT": "ftp://host/out",
    "EDGE_QUERY_SOURCES": "http://host/x",
    "EDGE_DIALECTS": "imgixx",
    "EDGE_S3_ENDPOINT_URL": "minio:9000",
}
"""A wrong value of each setting whose text has a form of its own."""

ANY = {
    "EDGE_SERVER_HOST", "EDGE_JOBS_CURRENCY", "EDGE_MODELS_FOLDER", "EDGE_MODELS_FETCHED",
    "EDGE_TRACING_SERVICE", "EDGE_FILES_VERDICTS",
}  # fmt: skip
"""Settings of which no value is wrong by itself: an address is tried where it is listened on, and
without networks a server is degraded."""


@pytest.mark.parametrize("row", [*settings.rows()], ids=lambda row: row.variable)
async def test_every_setting_that_may_be_wrong_is_named_when_it_is(row):
    if row.variable in ANY:
        assert row.allowed == "any text"
        return
    wrong = WRONG.get(row.variable, "no number, flag or choice")
    with pytest.raises(EdgeError) as caught:
        async with app.connect(settings.load({row.variable: wrong})):
            pass
    assert row.variable in caught.value.detail
    others = {other.variable for other in settings.rows()} - {row.variable, "EDGE_SIGNING_FILE"}
    named = {name for name in others if f"{name}:" in caught.value.detail}
    assert named == set(), "the wrong one is named instead"


def test_an_address_that_cannot_be_listened_on_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "edge", "serve"],
        env={**os.environ, "EDGE_SERVER_HOST": "192.0.2.1", "EDGE_SERVER_PORT": "0"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "EDGE_SERVER_HOST=192.0.2.1" in done.stderr
