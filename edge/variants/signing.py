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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from edge.access import check_length, rows
from edge.errors import (
    DuplicateParameter,
    InvalidParameter,
    SettingsError,
    SignatureExpired,
    SignatureMissing,
    SignatureOutOfScope,
    SignatureWrong,
)
from edge.variants.decoding import decoded, pairs
from edge.variants.parameters import BY_NAME
from edge.variants.paths import encoded

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Key:
    """One key, and what it may sign: everything, where it is bound to nothing.

    Attributes:
        id: 1 to 64 letters, digits, `.`, `_`, `-`.
        secret: at least 16 bytes.
        paths: clean paths; what lies below one of them, or is one of them, may be signed.
        presets: names in lower case; only URLs that name one of them may be signed.

    Raises:
        SettingsError: the id or the secret is of another form.
    """

    id: str
    secret: str = field(repr=False)
    paths: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.id):
            raise SettingsError(f"the key id {self.id!r} is not 1 to 64 letters, digits, . _ -")
        check_length(self.secret, f"the secret of the key {self.id!r}")

    def may_sign(self, path: str, preset: str) -> bool:
        """Whether a clean path and a preset (empty for none) are in the key's scope."""
        return (not self.presets or preset in self.presets) and (
            not self.paths or any(f"{path}/".startswith(f"{below}/") for below in self.paths)
        )


class SigningKeys(tuple[Key, ...]):
    """Keys of different ids: the first one signs, every one verifies.

    Raises:
        SettingsError: an id is given twice.
    """

    __slots__ = ()

    def __new__(cls, keys: Iterable[Key] = ()) -> "SigningKeys":
        created = super().__new__(cls, keys)
        ids = [key.id for key in created]
        for key_id in ids:
            if ids.count(key_id) > 1:
                raise SettingsError(f"the key id {key_id!r} is given twice")
        return created

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], file: str = "") -> "SigningKeys":
        """Unbound keys from ids with their secrets, then those of a file's `[[key]]` tables.

        Raises:
            SettingsError: a key is of another form, or the file cannot be read.
        """
        return cls([*(Key(key_id, secret) for key_id, secret in pairs), *_of_file(file)])

    def named(self, key_id: str | None) -> tuple[Key, ...]:
        """The key of that id, none for an unknown id, all of them without one."""
        return tuple(key for key in self if key_id in (None, key.id))


_COLUMNS = {"id": str, "secret": str, "paths": list, "presets": list}
_SCOPE = frozenset({"paths", "presets"})


def _of_file(file: str) -> Iterable[Key]:
    for row in rows(file, "key", _COLUMNS, _SCOPE):
        paths = tuple(path.strip("/") for path in row.get("paths", ()))
        presets = tuple(name.lower() for name in row.get("presets", ()))
        for name, words in (("paths", paths), ("presets", presets)):
            if name in row and not all((words, *words)):
                raise SettingsError(f"{file}: the key {row['id']!r} is bound to no {name}")
        yield Key(row["id"], row["secret"], paths, presets)


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


def sign(path: str, query: str, keys: SigningKeys, expires: int | None = None) -> str:
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
        raise SettingsError("EDGE_SIGNING_KEYS=kid:secret or EDGE_SIGNING_FILE is needed to sign")
    key = keys[0]
    replaced = {"sig", "kid"} | ({"exp"} if expires is not None else set())
    given = _taken_apart(query)
    if given.twice:
        raise DuplicateParameter("a signed URL takes every parameter once", param=given.twice)
    kept = [pair for pair in given.pairs if _own_name(pair[0]) not in replaced]
    kept.append((b"kid", key.id.encode()))
    if expires is not None:
        kept.append((b"exp", str(expires).encode()))
    return f"{_canonical(kept)}&sig={_hmac(key.secret, message(path, kept))}"


def verify(
    path: str,
    raw_query: str,
    keys: SigningKeys,
    *,
    required: bool = False,
    now: float | None = None,
) -> tuple[Key, ...]:
    """Raise unless the URL may be answered; the keys that signed it, none where it is not signed.

    What these keys may sign is another question: `check_scope`.

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
        return ()
    given = _taken_apart(raw_query)
    if given.signature is not None:
        _check_form(raw_query, given)
        signers = _signers(path, given, given.signature, keys)
        _check_expiry(given, time.time() if now is None else now)
        return signers
    if required:
        raise SignatureMissing("this server answers signed URLs only", param="sig")
    return ()


def verify_foreign(
    raw_path: str, raw_query: str, keys: SigningKeys, *, required: bool, now: float | None = None
) -> tuple[Key, ...]:
    """The same for a URL in another service's words, whose path need not be one of ours.

    `s` and `expires` are that service's own there, and sign nothing here.

    Raises:
        SignatureMissing, SignatureWrong, SignatureExpired, InvalidParameter.
    """
    parts = raw_query.split("&")
    own = "&".join(part for part in parts if part.partition("=")[0] not in ("s", "expires"))
    path = unquote(raw_path.removeprefix("/"))
    return verify(path, own, keys, required=required, now=now)


def check_scope(signers: Sequence[Key], path: str, preset: str) -> None:
    """Hold what a signed URL asks for against what its keys may sign.

    Args:
        signers: as `verify` gives them; none passes.
        path: clean and decoded.
        preset: as the query was understood, not as it was spelt; empty for none.

    Raises:
        SignatureOutOfScope: no key of these may sign that.
    """
    if not signers or any(key.may_sign(path, preset) for key in signers):
        return
    raise SignatureOutOfScope(
        f"the key {signers[0].id!r} is bound to other paths or presets", param="kid"
    )


def _check_form(raw_query: str, given: _Signed) -> None:
    """Refuse the spellings that would give one signed request more than one meaning or URL."""
    if given.twice:
        raise SignatureWrong("a signed URL takes every parameter once", param=given.twice)
    if "" in raw_query.split("&"):
        raise SignatureWrong("a signed URL has no empty parameters", param="sig")


def _signers(path: str, given: _Signed, signature: str, keys: SigningKeys) -> tuple[Key, ...]:
    expected, claimed = message(path, given.pairs), signature.encode()
    signers = tuple(
        key
        for key in keys.named(given.key_id)
        if hmac.compare_digest(_hmac(key.secret, expected).encode(), claimed)
    )
    if not signers:
        raise SignatureWrong("the signature does not match this URL", param="sig")
    return signers


def _check_expiry(given: _Signed, now: float) -> None:
    if given.expires is not None and now >= BY_NAME["exp"].read(given.expires):
        raise SignatureExpired("the signature has expired", param="exp")


def expiry(raw_query: str) -> int | None:
    """`exp` of a query that may be wrong otherwise; None where none can be read."""
    try:
        text = _taken_apart(raw_query).expires
        return None if text is None else int(BY_NAME["exp"].read(text))
    except InvalidParameter:
        return None


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
    values: dict[str, str] = {}
    twice = None
    for raw_name, raw_value in pairs(raw_query):
        name, value = decoded(raw_name), decoded(raw_value)
        own = _own_name(name)
        # `w=1&width=2` and its reverse sign alike but mean different pictures
        twice = own if own in values else twice
        values[own] = value.decode(errors="replace") or values.get(own, "")
        if own != "sig":
            parameters.append((name, value))
    signature, key_id, expires = (values.get(name) or None for name in ("sig", "kid", "exp"))
    return _Signed(tuple(parameters), signature, key_id, expires, twice)


def _own_name(name: bytes) -> str:
    """The parameter's own name for one of its aliases; what is unknown stays as it is."""
    text = name.decode(errors="backslashreplace")
    return BY_NAME[text].name if text in BY_NAME else text
