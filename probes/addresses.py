"""Which addresses an agent may ask (HALI_PROBE_NETWORKS), so that whoever writes a spec cannot look around behind the agent.

What is judged is the address a connection is about to be opened to, after all spelling and look-up; nothing is looked up again.
Pure, but for the last part, which reads this agent's setting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.conf import settings

from incidents.public_addresses import Address, is_public, reached

Network = IPv4Network | IPv6Network

SETTING = "HALI_PROBE_NETWORKS"
ANY, PUBLIC, LOOPBACK = "any", "public", "loopback"
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

# What clouds answer keys on to whoever asks from inside: refused unless named, one by one.
METADATA = frozenset(
    ip_address(one)
    for one in (
        "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, OpenStack and others
        "169.254.169.253",
        "169.254.169.123",
        "169.254.170.2",  # AWS containers
        "169.254.170.23",
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure, though the address is a public one
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",
        "fd00:ec2::253",
        "fd20:ce::254",  # Google
        "fe80::a9fe:a9fe",  # OpenStack
    )
)


@dataclass(frozen=True)
class Rules:
    """`base`: any, public or nothing; `networks` may be asked beside it; `named` are single addresses, metadata among them."""

    base: str = ANY
    networks: tuple[Network, ...] = ()
    named: frozenset[Address] = frozenset()


class Refused(Exception):
    """This agent may not ask that address. The message never holds the address: it may be from an internal zone."""


def parse(value: str) -> Rules:
    """`any` or `public`, `loopback`, networks and addresses, commas between. Raises ValueError with what to change."""
    base, networks, named = "", list[Network](), set[Address]()
    for item in filter(None, (part.strip() for part in value.split(","))):
        if item in {ANY, PUBLIC}:
            if base and base != item:
                raise ValueError("says any and public; leave one of them")
            base = item
        elif item == LOOPBACK:
            networks += _LOOPBACK
        else:
            try:
                network = ip_network(item)
            except ValueError:
                raise ValueError(f"{item!r}: give any, public, loopback, or a network such as 10.20.0.0/16") from None
            networks.append(network)
            if network.num_addresses == 1:
                named.add(network.network_address)
    if not base and not networks:
        raise ValueError("is empty: give any or public, or the networks that may be asked")
    return Rules(base, tuple(networks), frozenset(named))


@lru_cache(maxsize=4096)
def refusal(address: str, rules: Rules) -> str:
    """Why this address may not be asked, in a few words without the address; "" when it may."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "not an address"
    return next((why for one in reached(found) if (why := _refusal(one, rules))), "")


def _refusal(address: Address, rules: Rules) -> str:
    if address in rules.named:
        return ""
    if address in METADATA:
        return "a cloud's metadata address"
    if rules.base == ANY or any(address in network for network in rules.networks):
        return ""
    if address.is_loopback:
        return "an address of the agent's own machine"
    if not is_public(address):
        return "a private or reserved address"
    return "" if rules.base == PUBLIC else "an address outside the networks it may ask"


# --- With this agent's setting --------------------------------------------------------------------


def require(address: str) -> None:
    """Raises Refused when this agent may not ask the address."""
    if why := refusal(address, settings.PROBE_NETWORKS):
        raise Refused(f"the target is {why}: this agent may not ask it ({SETTING})")


def allowed(addresses: Iterable[str]) -> list[str]:
    """Those that may be asked, in their order; raises Refused when there are some and none may."""
    found = list(addresses)
    good = [one for one in found if not refusal(one, settings.PROBE_NETWORKS)]
    if found and not good:
        require(found[0])
    return good
