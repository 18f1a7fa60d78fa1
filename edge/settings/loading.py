"""Reads the settings from the environment, once, and says what is wrong with them."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from edge.errors import EdgeError, SettingsError
from edge.kinds import nearest
from edge.limits import Decode
from edge.settings.http import (
    AdminSettings,
    HttpSettings,
    PresetsSettings,
    QuerySettings,
    ServerSettings,
    SigningSettings,
    TracingSettings,
)
from edge.settings.jobs import JobsSettings, ReviewSettings
from edge.settings.limits import ServerLimits
from edge.settings.networks import ModelsSettings, TritonSettings
from edge.settings.stores import CacheSettings, FilesSettings, OriginsSettings, S3Settings


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a server needs to know, each section one frozen dataclass."""

    server: ServerSettings = field(default_factory=ServerSettings)
    origin: OriginsSettings = field(default_factory=OriginsSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    files: FilesSettings = field(default_factory=FilesSettings)
    limits: ServerLimits = field(default_factory=ServerLimits)
    decode: Decode = field(default_factory=Decode)
    query: QuerySettings = field(default_factory=QuerySettings)
    presets: PresetsSettings = field(default_factory=PresetsSettings)
    signing: SigningSettings = field(default_factory=SigningSettings)
    admin: AdminSettings = field(default_factory=AdminSettings)
    jobs: JobsSettings = field(default_factory=JobsSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    triton: TritonSettings = field(default_factory=TritonSettings)
    models: ModelsSettings = field(default_factory=ModelsSettings)
    s3: S3Settings = field(default_factory=S3Settings)
    tracing: TracingSettings = field(default_factory=TracingSettings)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as the docs and `edge serve --help` show it."""

    variable: str
    default: Any
    allowed: str
    help: str


def rows() -> Iterator[SettingRow]:
    """Every setting, in order."""
    for section, name, info in _fields():
        default = info.default if info.default is not MISSING else None
        yield SettingRow(
            _variable(section, name, info), default, _allowed(info), info.metadata["help"]
        )


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read, validate and freeze.

    Raises:
        SettingsError: with one line per bad or unknown `EDGE_*` variable and what is allowed.
    """
    given = {
        name: value
        for name, value in (os.environ if environ is None else environ).items()
        if name.startswith("EDGE_")
    }
    problems: list[str] = []
    sections: dict[str, dict[str, Any]] = {}
    for section, name, info in _fields():
        text = given.pop(_variable(section, name, info), None)
        if text is None:
            continue
        try:
            sections.setdefault(section, {})[name] = _value(text, info)
        except (ValueError, KeyError):
            variable = _variable(section, name, info)
            problems.append(f"{variable}={_shown(text, info)}: allowed is {_allowed(info)}")
    problems += [f"{name}: there is no such setting{_suggestion(name)}" for name in given]
    if problems:
        raise SettingsError("\n".join(problems))
    settings = Settings(
        **{name: section(**sections.get(name, {})) for name, section in _sections()}
    )
    _check_together(settings)
    return settings


@contextmanager
def naming(variable: str) -> Iterator[None]:
    """What is found wrong later on, with a setting's value, names the setting as well."""
    try:
        yield
    except EdgeError as error:
        if variable not in error.detail:
            error.detail = f"{variable}: {error.detail}"
            error.args = (error.detail,)
        raise


def _sections() -> Iterator[tuple[str, Callable[..., Any]]]:
    for section in fields(Settings):
        assert callable(section.default_factory)
        yield section.name, section.default_factory


def _fields() -> Iterator[tuple[str, str, Any]]:
    for name, section in _sections():
        for info in fields(section()):
            yield name, info.name, info


def _variable(section: str, name: str, info: Field[Any]) -> str:
    return info.metadata["variable"] or f"EDGE_{section}_{name}".upper()


def _value(text: str, info: Any) -> Any:
    value = info.metadata["kind"].read(text.strip())
    low, high, choices = (info.metadata[k] for k in ("low", "high", "choices"))
    if (
        (low is not None and value < low)
        or (high is not None and value > high)
        or (choices and value not in choices)
    ):
        raise ValueError
    return value


def _allowed(info: Any) -> str:
    low, high, choices = (info.metadata[k] for k in ("low", "high", "choices"))
    if choices:
        return " | ".join(choices)
    text: str = info.metadata["kind"].allowed
    if low is not None and high is not None:
        return f"{text}, {low:g} to {high:g}"
    return f"{text}, at least {low:g}" if low is not None else text


def _shown(text: str, info: Any) -> str:
    return "(hidden)" if info.metadata["secret"] else repr(text)


def _suggestion(name: str) -> str:
    near = nearest(name, frozenset(_variable(*row) for row in _fields()))
    return f"; did you mean {near}?" if near else ""


def _check_together(settings: Settings) -> None:
    if settings.signing.required and not (settings.signing.keys or settings.signing.file):
        raise SettingsError(
            "EDGE_SIGNING_REQUIRED=1 needs EDGE_SIGNING_KEYS=kid:secret or EDGE_SIGNING_FILE"
        )
    if settings.triton.url and urlsplit(settings.triton.url).scheme != "grpc":
        raise SettingsError(f"EDGE_TRITON_URL={settings.triton.url!r}: allowed is grpc://host:port")
