"""Which addresses an HTTP origin may be reached at: public ones, and networks that were named.

The tables follow the IANA special-purpose address registries, and are kept here because what
Python's `ipaddress` calls global changes from version to version.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from edge.errors import AddressForbidden, SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; some clouds keep their metadata there
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform services, behind a public number
        "169.254.0.0/16",  # link-local; cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

_UNICAST_6 = IPv6Network("2000::/3")
"""All public IPv6 lies in it; unique-local, link-local, multicast and site-local do not."""

_CLOSED_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries any IPv4 address inside
        "3fff::/20",
    )
)

_NEVER = tuple(ip_network(text) for text in ("0.0.0.0/32", "224.0.0.0/3", "::/128", "ff00::/8"))
"""Unspecified, multicast and reserved: no network that a user names makes sense of them."""

_NAT64 = IPv6Network("64:ff9b::/96")


ORIGIN_SETTING = "EDGE_ORIGIN_HTTP_PRIVATE"


def check_address(
    text: str, private_ok: Sequence[Network] = (), setting: str = ORIGIN_SETTING
) -> Address:
    """The address, which may be connected to.

    Args:
        text: an address in its canonical form, without port or brackets.
        private_ok: networks that may be reached although they are not public.
        setting: the variable that names these.

    Raises:
        AddressForbidden: it is not public, or not an address.
    """
    try:
        address = ip_address(text)
    except ValueError as error:
        raise AddressForbidden("the host has no plain address") from error
    # A mapped address is the same machine as the IPv4 address inside it.
    real = getattr(address, "ipv4_mapped", None) or address
    named = _is_in(real, private_ok) and not _is_in(real, _NEVER)
    if getattr(address, "scope_id", None) is not None or not (named or _is_public(real)):
        raise AddressForbidden(
            "the host has no public address", diagnostics={"setting": setting}, private=str(address)
        )
    return address


def read_networks(texts: Sequence[str], setting: str = ORIGIN_SETTING) -> tuple[Network, ...]:
    """Networks such as `10.1.0.0/16`. Raises `SettingsError` for anything else."""
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise SettingsError(
            f"{setting}: {error}", allowed="networks such as 10.1.0.0/16"
        ) from error


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _is_in(address, _CLOSED_4)
    if address in _NAT64:  # reaches the IPv4 address inside it, through a gateway
        return _is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST_6 and not _is_in(address, _CLOSED_6)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
