"""Which addresses are public: every vector by which a server was ever led inside."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import AddressForbidden, SettingsError
from edge.origins.address_guard import check_address, read_networks

FORBIDDEN = {
    "this host": ["0.0.0.0", "0.1.2.3"],
    "loopback": ["127.0.0.1", "127.1.2.3", "127.255.255.255", "::1"],
    "private": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    "carrier-grade nat": ["100.64.0.1", "100.100.100.200", "100.127.255.255"],
    "link-local": ["169.254.169.254", "169.254.0.1", "fe80::1", "febf::1"],
    "cloud platform": ["168.63.129.16", "192.0.0.192", "fd00:ec2::254"],
    "unique-local": ["fc00::1", "fd12:3456::1"],
    "site-local": ["fec0::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "broadcast and reserved": ["255.255.255.255", "240.0.0.1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255"],
    "protocol assignments": ["192.0.0.1", "2001:2::1", "2001:10::1"],
    "unspecified": ["::"],
    "discard": ["100::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:0"],
    "compatible": ["::127.0.0.1", "::7f00:1"],
    "translated": ["::ffff:0:127.0.0.1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"],
    "6to4 relay": ["192.88.99.1"],
    "nat64 to private": ["64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1"],
    "local nat64": ["64:ff9b:1::1", "64:ff9b:1::8.8.8.8"],
    "teredo": ["2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "scoped": ["fe80::1%eth0", "2606:4700::1%1", "::1%lo"],
    "not an address": ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "", "1.2.3"],
}
VECTORS = [(kind, text) for kind, texts in FORBIDDEN.items() for text in texts]

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


@pytest.mark.parametrize(("kind", "text"), VECTORS, ids=[f"{k}: {t}" for k, t in VECTORS])
def test_what_is_not_public_is_forbidden(kind, text):
    with pytest.raises(AddressForbidden):
        check_address(text)


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_is_allowed(text):
    assert check_address(text) == ip_address(text)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_however_it_is_wrapped(address):
    def allowed(text: str) -> bool:
        try:
            check_address(text)
        except AddressForbidden:
            return False
        return True

    assert allowed(f"::ffff:{address}") == allowed(f"64:ff9b::{address}") == allowed(str(address))


@given(st.ip_addresses())
def test_nothing_is_allowed_that_python_calls_private_or_local(address):
    try:
        check_address(str(address))
    except AddressForbidden:
        return
    real = getattr(address, "ipv4_mapped", None) or address
    inside = (real.is_private, real.is_loopback, real.is_link_local, real.is_multicast)
    assert not any(inside)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("127.0.0.1", "127.0.0.0/8"),
        ("10.1.2.3", "10.1.0.0/16"),
        ("::ffff:10.1.2.3", "10.1.0.0/16"),
        ("fd12::1", "fd12::/16"),
        ("::1", "::1/128"),
    ],
)
def test_a_network_that_was_named_may_be_reached(text, network):
    assert check_address(text, [ip_network(network)])


@pytest.mark.parametrize(
    "text", ["10.2.0.1", "127.0.0.1", "fd13::1", "::1", "64:ff9b::10.1.2.3", "2002:a01:203::1"]
)
def test_naming_one_network_opens_no_other(text):
    with pytest.raises(AddressForbidden):
        check_address(text, read_networks(["10.1.0.0/16", "fd12::/16"]))


@pytest.mark.parametrize("text", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"])
def test_some_addresses_no_network_can_open(text):
    with pytest.raises(AddressForbidden):
        check_address(text, read_networks(["0.0.0.0/0", "::/0"]))


@pytest.mark.parametrize("text", ["10.1.0.0/33", "10.1.2.3/16", "example.com", ""])
def test_a_network_that_is_none_stops_the_start(text):
    with pytest.raises(SettingsError):
        read_networks([text])


def test_a_private_address_is_refused_with_the_setting_that_allows_it():
    with pytest.raises(AddressForbidden) as refused:
        check_address("10.1.2.3")
    assert refused.value.diagnostics == {"setting": "EDGE_ORIGIN_HTTP_PRIVATE"}
