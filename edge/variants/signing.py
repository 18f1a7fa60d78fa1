"""Signed URLs: HMAC-SHA256 over one unambiguous text made of the clean path and the whole query.

The text is three lines: `edge1`; the path, percent-encoded; and every parameter but the signature
as `name=value`, both percent-encoded, sorted by name, joined by `&`. Everything except the
unreserved characters of RFC 3986 is encoded, with upper-case digits, so no value can pass for a
separator. No parameter may come twice, under one name or two.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from edge.errors import (
    DuplicateParameter,
    SettingsError,
    SignatureExpired,
    SignatureMissing,
    SignatureWrong,
)
from edge.variants.decoding import decoded, pairs
from edge.variants.parameters import BY_NAME
from edge.variants.paths import encoded

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Keys:
    """Key ids with their secrets: the first one signs, every one verifies.

    Raises:
        SettingsError: an id is given twice or holds more than letters, digits, `.`, `_`, `-`.
    """

    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        ids = [key_id for key_id, _ in self.pairs]
        for key_id in ids:
            if not _KEY_ID.fullmatch(key_id):
                raise SettingsError(f"the key id {key_id!r} is not 1 to 64 letters, digits, . _ -")
            if ids.count(key_id) > 1:
                raise SettingsError(f"the key id {key_id!r} is given twice")

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def secrets(self, key_id: str | None) -> tuple[str, ...]:
        """The secret of that id, none for an unknown id, all of them without one."""
        return tuple(secret for known, secret in self.pairs if key_id in (None, known))


@dataclass(frozen=True, slots=True)
class _Signed:
    """A query taken apart: decoded pairs without the signature, and what signing looks at.

    `twice` is the name of a parameter that came more than once, if one did.
    """

    pairs: tuple[tuple[bytes, bytes], ...]
    signature: str | None
    key_id: str | None
    expires: str | None
    twice: str | None


def sign(path: str, query: str, keys: Keys, expires: int | None = None) -> str:
    """The query with `kid`, `exp` (Unix time in seconds) and `sig`, in canonical order.

    Args:
        path: clean and decoded, as `paths.read` gives it.
        query: percent-encoded; a signature, key id or (where `expires` is given) expiry in it is
            replaced.

    Raises:
        SettingsError: there is no key to sign with.
        DuplicateParameter, InvalidParameter: the query cannot be signed.
    """
    if not keys:
        raise SettingsError("EDGE_SIGNING_KEYS=kid:secret is needed to sign")
    key_id, secret = keys.pairs[0]
    replaced = {"sig", "kid"} | ({"exp"} if expires is not None else set())
    given = _taken_apart(query)
    if given.twice:
        raise DuplicateParameter("a signed URL takes every parameter once", param=given.twice)
    kept = [pair for pair in given.pairs if _own_name(pair[0]) not in replaced]
    kept.append((b"kid", key_id.encode()))
    if expires is not None:
        kept.append((b"exp", str(expires).encode()))
    return f"{_canonical(kept)}&sig={_hmac(secret, message(path, kept))}"


def verify(
    path: str, raw_query: str, keys: Keys, *, required: bool = False, now: float | None = None
) -> None:
    """Raise unless the URL may be answered.

    A signature that is there must be right even where none is required; without any key on this
    server, and none required, signatures are not looked at.

    Args:
        path: clean and decoded, as `paths.read` gives it.
        raw_query: as it stands in the URL.
        now: Unix time in seconds.

    Raises:
        SignatureMissing, SignatureWrong, SignatureExpired, InvalidParameter.
    """
    if not (keys or required):
        return
    given = _taken_apart(raw_query)
    if given.signature is not None:
        _check_form(raw_query, given)
        _check_signature(path, given, given.signature, keys)
        _check_expiry(given, time.time() if now is None else now)
    elif required:
        raise SignatureMissing("this server answers signed URLs only", param="sig")


def _check_form(raw_query: str, given: _Signed) -> None:
    """Refuse the spellings that would give one signed wish more than one meaning or URL."""
    if given.twice:
        raise SignatureWrong("a signed URL takes every parameter once", param=given.twice)
    if "" in raw_query.split("&"):
        raise SignatureWrong("a signed URL has no empty parameters", param="sig")


def _check_signature(path: str, given: _Signed, signature: str, keys: Keys) -> None:
    expected = message(path, given.pairs)
    matches = [
        hmac.compare_digest(_hmac(secret, expected).encode(), signature.encode())
        for secret in keys.secrets(given.key_id)
    ]
    if not any(matches):
        raise SignatureWrong("the signature does not match this URL", param="sig")


def _check_expiry(given: _Signed, now: float) -> None:
    if given.expires is not None and now >= BY_NAME["exp"].read(given.expires):
        raise SignatureExpired("the signature has expired", param="exp")


def message(path: str, parameters: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The text that is signed, for a clean path and decoded pairs without the signature."""
    return f"edge1\n{encoded(path)}\n{_canonical(parameters)}".encode()


def _canonical(parameters: Iterable[tuple[bytes, bytes]]) -> str:
    texts = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in parameters)
    return "&".join(f"{name}={value}" for name, value in texts)


def _hmac(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def _taken_apart(raw_query: str) -> _Signed:
    parameters: list[tuple[bytes, bytes]] = []
    seen: dict[str, str] = {}
    twice = None
    for raw_name, raw_value in pairs(raw_query):
        name, value = decoded(raw_name), decoded(raw_value)
        own = _own_name(name)
        # `w=1&width=2` and its reverse sign alike but mean different pictures
        twice = own if own in seen else twice
        seen[own] = value.decode(errors="replace") or seen.get(own, "")
        if own != "sig":
            parameters.append((name, value))
    signature, key_id, expires = (seen.get(name) or None for name in ("sig", "kid", "exp"))
    return _Signed(tuple(parameters), signature, key_id, expires, twice)


def _own_name(name: bytes) -> str:
    """The parameter's own name for one of its aliases; what is unknown stays as it is."""
    text = name.decode(errors="backslashreplace")
    return BY_NAME[text].name if text in BY_NAME else text
