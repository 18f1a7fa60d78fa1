"""Tokens and their roles for `/-/`, from a setting and from a file."""

import hashlib
import hmac
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from edge.errors import SettingsError
from edge.text_files import read_text

LEAST_SECRET = 16
"""Bytes (UTF-8) of the shortest secret or token that is taken: 128 bits, if it is random."""


class Role(StrEnum):
    """What a token may be good for."""

    PURGE = "purge"
    METRICS = "metrics"
    EXPLAIN = "explain"
    JOBS = "jobs"
    REVIEW = "review"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """One bearer token, kept as its SHA-256 only, and the roles that it has."""

    name: str
    digest: bytes = field(repr=False)
    roles: frozenset[Role]

    @classmethod
    def of(cls, name: str, text: str, roles: Sequence[str] = tuple(Role)) -> "Token":
        """The token of a text.

        Raises:
            SettingsError: it is shorter than `LEAST_SECRET`, or a role is not known.
        """
        check_length(text, f"the token {name!r}")
        if not roles or not set(roles) <= set(Role):
            raise SettingsError(
                f"the token {name!r} has the roles {list(roles)}", allowed=tuple(Role)
            )
        return cls(name, _digest(text.encode()), frozenset(map(Role, roles)))

    def is_text(self, given: bytes) -> bool:
        """Whether this is the token, in constant time."""
        return hmac.compare_digest(self.digest, _digest(given))


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def check_length(secret: str, what: str) -> None:
    """Raises `SettingsError` for a secret that could be guessed; it is not repeated there."""
    if len(secret.encode()) < LEAST_SECRET:
        raise SettingsError(f"{what} is shorter than {LEAST_SECRET} bytes")


def find(tokens: Sequence[Token], given: bytes) -> Token | None:
    """The token with that text, or None. All are compared, in constant time."""
    return next((token for token in [t for t in tokens if t.is_text(given)]), None)


def tokens(text: str, file: str) -> tuple[Token, ...]:
    """The token of EDGE_ADMIN_TOKEN, which has every role, and those of EDGE_ADMIN_FILE.

    Raises:
        SettingsError: the file cannot be read, or a token is too short, has no name or role of
            its own, or has one that is not known.
    """
    given = [Token.of("EDGE_ADMIN_TOKEN", text)] if text else []
    for row in rows(file, "token", {"name": str, "token": str, "roles": list}):
        given.append(Token.of(row["name"], row["token"], row["roles"]))
    names = [token.name for token in given]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"{file}: the token {name!r} is given twice")
    return tuple(given)


_SETTINGS = {"key": "EDGE_SIGNING_FILE", "token": "EDGE_ADMIN_FILE"}


def rows(
    file: str, table: str, columns: Mapping[str, type], optional: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """The rows of `[[table]]` in a TOML file that holds nothing else; none without a file.

    Raises:
        SettingsError: it cannot be read, or a row's names or types are others than `columns`. No
            value is repeated in it, for each may be a secret.
    """
    if not file:
        return []
    setting = _SETTINGS[table]
    try:
        text = read_text(file)
        if not text.strip():  # as a file is for a moment while it is written in place
            raise SettingsError(f"{setting}: {file} is empty")
        content = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{setting}: {file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{setting}: {file} is no TOML file") from error
    found = content.pop(table, [])
    if content or not isinstance(found, list):
        raise SettingsError(f"{file}: allowed is [[{table}]] alone, not {sorted(content)}")
    for number, row in enumerate(found, 1):
        _check_row(row, columns, optional, f"{file}: [[{table}]] number {number}")
    return found


def _check_row(row: Any, columns: Mapping[str, type], optional: frozenset[str], where: str) -> None:
    if not isinstance(row, dict) or not set(columns) - optional <= set(row) <= set(columns):
        raise SettingsError(f"{where} has other names than these", allowed=tuple(columns))
    for name, value in row.items():
        words = value if isinstance(value, list) else [value]
        if not isinstance(value, columns[name]) or not all(isinstance(w, str) for w in words):
            wanted = "a list of texts" if columns[name] is list else "a text"
            raise SettingsError(f"{where}: {name} must be {wanted}")
