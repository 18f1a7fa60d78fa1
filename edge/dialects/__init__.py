"""URLs of other image services, read into our own path and words, so that a shop changes the host.

`Dialects` chooses among those that the settings name: by the path itself, by a prefix, or by host.
What comes out is an ordinary URL of edge, so a picture asked for in two dialects is one picture.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import cast

from edge.dialects import (
    cloudflare,
    cloudinary,
    imgix,
    imgproxy,
    ipx,
    next,
    shopify,
    thumbor,
    wordpress,
)
from edge.dialects.base import Dialect, Translation, local
from edge.errors import InvalidParameter, SettingsError
from edge.kinds import nearest

__all__ = ["ALL", "Dialect", "Dialects", "Translation"]

_MODULES: tuple[ModuleType, ...] = (
    cloudflare, cloudinary, imgix, imgproxy, ipx, next, shopify, thumbor, wordpress,
)  # fmt: skip
ALL: Mapping[str, Dialect] = MappingProxyType(
    {module.name: cast(Dialect, module) for module in _MODULES}
)
"""Every dialect by its name."""


@dataclass(frozen=True, slots=True)
class Dialects:
    """Those that a server reads.

    Attributes:
        named: by name; under their prefix, and where their paths betray them.
        hosts: by host, in lower case and without a port.
        sources: hosts whose URLs name originals of this server.
    """

    named: Mapping[str, Dialect] = field(default_factory=dict)
    hosts: Mapping[str, Dialect] = field(default_factory=dict)
    sources: frozenset[str] = frozenset()

    @classmethod
    def of(cls, words: Iterable[str], sources: Iterable[str] = ()) -> "Dialects":
        """Dialects by the words of `EDGE_DIALECTS`: names, `name@host`, `all`.

        Raises:
            SettingsError: there is no such dialect.
        """
        named: dict[str, Dialect] = {}
        hosts: dict[str, Dialect] = {}
        for word in words:
            name, _, host = word.strip().lower().partition("@")
            if name == "all" and not host:
                named.update(ALL)
            elif name not in ALL:
                raise _unknown(name)
            elif host:
                hosts[host] = ALL[name]
            else:
                named[name] = ALL[name]
        known = frozenset(source.lower() for source in sources)
        return cls(MappingProxyType(named), MappingProxyType(hosts), known)

    def host(self, header: str) -> str:
        """The host of a request where a dialect is bound to it, else nothing."""
        if not self.hosts:
            return ""
        host = header.rpartition(":")[0] if header.rpartition(":")[2].isdigit() else header
        return host.lower() if host.lower() in self.hosts else ""

    def translate(
        self, path: str, query: str, *, host: str = "", strict: bool = False
    ) -> Translation | None:
        """Our own URL for another service's; None where it is none.

        Args:
            path: percent-encoded, with its leading slash.
            query: as it stands in the URL.
            host: as `host` gives it.
            strict: a word without an equal is an error, else it is passed over and told.

        Raises:
            RequestError: a word, or its value, that the service does not have, or that has no
                equal here.
        """
        if host:
            return self._translated(self.hosts[host], path, query, strict, certain=True)
        first, _, rest = path[1:].partition("/")
        if rest and (dialect := self.named.get(first)):
            return self._translated(dialect, "/" + rest, query, strict, certain=True)
        for dialect in self.named.values():
            if dialect.recognisable:
                found = self._translated(dialect, path, query, strict, certain=False)
                if found is not None:
                    return found
        return None

    def _translated(
        self, dialect: Dialect, path: str, query: str, strict: bool, *, certain: bool
    ) -> Translation | None:
        try:
            found = dialect.translate(path, query, strict=strict, certain=certain)
            return found and local(found, dialect.title, self.sources)
        except ValueError as error:  # a number that is none
            raise InvalidParameter(
                f"this is no URL of {dialect.title}'s", allowed=dialect.shape
            ) from error


def _unknown(name: str) -> SettingsError:
    known = (*ALL, "all")
    near = nearest(name, frozenset(known))
    meant = f"; did you mean {near}?" if near else ""
    return SettingsError(
        f"there is no dialect {name!r}{meant} Known: {', '.join(known)}", param="EDGE_DIALECTS"
    )
