"""Pure: which internet addresses are anybody's. Probes judge by it what an agent may ask, subscribers where webhooks may go."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

Address = IPv4Address | IPv6Address

# Not for the public, though ipaddress of some versions calls them global.
_NEVER_PUBLIC = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
        "ff00::/8",
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_GIVEN_OUT = ip_network("2000::/3")  # all else of IPv6 is nobody's, or some network's own


def is_public(address: Address) -> bool:
    """Whether it is anybody's on the internet."""
    if isinstance(address, IPv6Address) and not (address in _GIVEN_OUT or address.ipv4_mapped or address in _NAT64):
        return False
    return address.is_global and not any(address in network for network in _NEVER_PUBLIC)


def reached(address: Address) -> tuple[Address, ...]:
    """What asking an address reaches: an IPv6 form of an IPv4 address is that; a tunnel is itself and its ends."""
    if isinstance(address, IPv4Address):
        return (address,)
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    is_compatible = int(address) >> 32 == 0 and int(low) > 1  # ::a.b.c.d, but neither :: nor ::1
    if address.ipv4_mapped or address in _NAT64 or is_compatible:
        return (low,)
    if address.sixtofour:
        return (address, address.sixtofour)
    return (address, *(address.teredo or ()))
