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
from edge.settings.http import Admin, Http, Presets, Query, Server, Signing, Tracing
from edge.settings.jobs import Jobs, Review
from edge.settings.limits import ServerLimits
from edge.settings.networks import ModelsFolder, Triton
from edge.settings.stores import S3, Cache, Files, Origins


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a server needs to know, each section one frozen dataclass."""

    server: Server = field(default_factory=Server)
    origin: Origins = field(default_factory=Origins)
    cache: Cache = field(default_factory=Cache)
    http: Http = field(default_factory=Http)
    files: Files = field(default_factory=Files)
    limits: ServerLimits = field(default_factory=ServerLimits)
    decode: Decode = field(default_factory=Decode)
    query: Query = field(default_factory=Query)
    presets: Presets = field(default_factory=Presets)
    signing: Signing = field(default_factory=Signing)
    admin: Admin = field(default_factory=Admin)
    jobs: Jobs = field(default_factory=Jobs)
    review: Review = field(default_factory=Review)
    triton: Triton = field(default_factory=Triton)
    models: ModelsFolder = field(default_factory=ModelsFolder)
    s3: S3 = field(default_factory=S3)
    tracing: Tracing = field(default_factory=Tracing)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as the docs and `edge serve --help` show it."""

    variable: str
    default: Any
    allowed: str
    help: str


def rows() -> Iterator[Row]:
    """Every setting, in order."""
    for section, name, info in _fields():
        default = info.default if info.default is not MISSING else None
        yield Row(_variable(section, name, info), default, _allowed(info), info.metadata["help"])


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
