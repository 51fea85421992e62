"""Where a subscriber's URL may lead: rules for what is typed, and for every address its name has when we post to it.

Nothing here trusts an earlier look: each attempt looks the name up once, judges all addresses, and posts to one of those.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings

from incidents.public_addresses import is_public, reached
from subscribers.addresses import AddressError

if TYPE_CHECKING:
    from dns.resolver import Resolver

LONGEST = 2000
PORTS = {443, 8443}
LOOKED_UP_WITHIN = 5.0  # seconds
_NAME = re.compile(r"(?!.*\d$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_INSIDE = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "onion",
    "alt",
    "invalid",
    "in-addr.arpa",
    "ip6.arpa",
)


class DestinationRefused(AddressError):
    """We do not post there. The message says why, without the address."""


class NameUnknown(Exception):
    """The name has no address for now."""


@dataclass(frozen=True, slots=True)
class Destination:
    """`url` is the normal form: host in ASCII, no fragment, no default port."""

    url: str
    scheme: str
    host: str
    port: int


def parse(typed: str) -> Destination:
    """Raises DestinationRefused. Looks nothing up, so that a form answers alike whatever stands behind a name."""
    typed = typed.strip()
    if len(typed) > LONGEST:
        raise DestinationRefused(f"A URL has at most {LONGEST} characters.")
    if re.search(r"[\x00-\x20\x7f\\]", typed):
        raise DestinationRefused("A URL holds no spaces, control characters or backslashes.")
    try:
        parts = urlsplit(typed)
        port = parts.port
    except ValueError as error:
        raise DestinationRefused("Write the URL in full, like https://example.com/hook.") from error
    schemes = {"https", "http"} if settings.WEBHOOK_TEST else {"https"}
    if parts.scheme not in schemes:
        raise DestinationRefused("The URL begins with https://.")
    if "@" in parts.netloc:
        raise DestinationRefused("The URL holds no user name or password.")
    if "#" in typed:
        raise DestinationRefused("The URL has no part after #.")
    usual = 443 if parts.scheme == "https" else 80
    port = usual if port is None else port
    if port not in PORTS and not settings.WEBHOOK_TEST:
        raise DestinationRefused("The port is 443 or 8443.")
    host = _host(parts.hostname or "")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=-._~?')}" if parts.query else ""
    shown_port = "" if port == usual else f":{port}"
    shown_host = f"[{host}]" if ":" in host else host
    return Destination(f"{parts.scheme}://{shown_host}{shown_port}{path}{query}", parts.scheme, host, port)


def _host(typed: str) -> str:
    """The name in ASCII letters. Raises DestinationRefused for what is no public DNS name."""
    if settings.WEBHOOK_TEST and (_is_address(typed) or typed == "localhost"):
        return typed
    try:
        host = idna.encode(typed.rstrip("."), uts46=True, transitional=False).decode("ascii").lower()
    except idna.IDNAError:
        host = typed.rstrip(".").lower() if typed.isascii() else ""  # names with underscores are names all the same
    if _is_address(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise DestinationRefused("The URL names a host, not an address in numbers.")
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise DestinationRefused("The URL names a host in full, like example.com.")
    if any(host == inside or host.endswith(f".{inside}") for inside in _INSIDE):
        raise DestinationRefused("The URL names a host that only a private network knows.")
    if _is_ours(host):
        raise DestinationRefused("The URL leads to this page itself.")
    return host


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_ours(host: str) -> bool:
    """By the rule of ALLOWED_HOSTS, in which `.x` is x and all below it. `*` says nothing of whose a host is."""
    named = [one.casefold() for one in (urlsplit(settings.BASE_URL).hostname or "", *settings.ALLOWED_HOSTS) if one != "*"]
    return any(host == one.removeprefix(".") or (one.startswith(".") and host.endswith(one)) for one in named if one)


# --- When we post ---------------------------------------------------------------------------------


def checked_address(destination: Destination) -> str:
    """The one address to connect to, of a name all of whose addresses are anybody's.

    Raises DestinationRefused when any of them is not, NameUnknown when there is none.
    """
    if settings.WEBHOOK_TEST and (_is_address(destination.host) or destination.host == "localhost"):
        return "127.0.0.1" if destination.host == "localhost" else destination.host
    found = look_up(destination.host)
    if not found:
        raise NameUnknown("The host's name has no address.")
    if not all(may_reach(address) for address in found):
        raise DestinationRefused("The host's name leads to a private or reserved address.")
    return found[0]


def may_reach(address: str) -> bool:
    """Is it an address on the internet, and whatever it is a form of or a tunnel to as well?"""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if settings.WEBHOOK_TEST and found.is_loopback:
        return True
    return is_public(found) and all(is_public(one) for one in reached(found))


def look_up(host: str) -> list[str]:
    """Every address of the name, IPv4 first, as the name server said just now. Raises NameUnknown."""
    import dns.exception  # with the first post: processes that send nothing do without it
    import dns.resolver

    try:
        answers = _resolver().resolve_name(f"{host}.", lifetime=LOOKED_UP_WITHIN, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
        raise NameUnknown("The host's name has no address.") from error
    except (dns.exception.DNSException, OSError) as error:
        raise NameUnknown("The host's name could not be looked up.") from error
    return sorted(answers.addresses(), key=lambda address: ":" in address)


def _resolver() -> Resolver:
    import dns.resolver

    if not settings.WEBHOOK_NAME_SERVER:
        return dns.resolver.get_default_resolver()
    resolver = dns.resolver.Resolver(configure=False)
    host, _, port = settings.WEBHOOK_NAME_SERVER.rpartition(":")
    resolver.nameservers, resolver.port = [host], int(port)
    return resolver
