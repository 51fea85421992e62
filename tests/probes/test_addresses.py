"""Which addresses an agent may ask, in every form an address can be written in."""

from __future__ import annotations

import re
import socket

import pytest

from probes.addresses import METADATA, parse, refusal

PUBLIC = ["1.1.1.1", "196.201.214.200", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "172.15.0.1", "172.32.0.1"]
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.1.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "2002:101:101::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_anybodys_may_be_asked_from_public(address: str) -> None:
    assert refusal(address, parse("public")) == ""


@pytest.mark.parametrize("address", [*NOT_PUBLIC, *map(str, METADATA)])
def test_what_is_not_anybodys_is_refused_from_public(address: str) -> None:
    assert refusal(address, parse("public"))


@pytest.mark.parametrize("address", [*PUBLIC, *NOT_PUBLIC])
def test_any_asks_everything_but_metadata(address: str) -> None:
    assert refusal(address, parse("any")) == ""


METADATA_FORMS = [
    *map(str, sorted(METADATA, key=str)),
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "fe80::a9fe:a9fe%eth0",
]


@pytest.mark.parametrize("rules", ["any", "public", "any,169.254.0.0/16", "public,fd00::/8,fe80::/10,loopback"])
@pytest.mark.parametrize("address", METADATA_FORMS)
def test_metadata_addresses_are_refused_whatever_network_they_lie_in(address: str, rules: str) -> None:
    assert refusal(address, parse(rules))


def test_a_metadata_address_that_is_named_may_be_asked() -> None:
    assert refusal("169.254.169.254", parse("public,169.254.169.254")) == ""
    assert refusal("::ffff:169.254.169.254", parse("any,169.254.169.254")) == ""
    assert refusal("169.254.170.2", parse("any,169.254.169.254"))


@pytest.mark.parametrize(
    ("rules", "address", "may"),
    [
        ("public,10.20.0.0/16", "10.20.3.4", True),
        ("public,10.20.0.0/16", "::ffff:10.20.3.4", True),
        ("public,10.20.0.0/16", "10.21.0.1", False),
        ("public,fd00:1::/32", "fd00:1::9", True),
        ("public,loopback", "127.0.0.1", True),
        ("public,loopback", "::1", True),
        ("public,loopback", "0.0.0.0", False),
        ("public", "127.0.0.1", False),
        ("10.0.0.0/8", "10.1.1.1", True),
        ("10.0.0.0/8", "1.1.1.1", False),
        ("10.0.0.0/8,public", "1.1.1.1", True),
    ],
)
def test_networks_are_added_to_what_may_be_asked(rules: str, address: str, may: bool) -> None:
    assert (refusal(address, parse(rules)) == "") is may


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.1"])
def test_decimal_octal_and_short_hosts_are_judged_as_what_the_system_makes_of_them(host: str) -> None:
    found = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)[0][4][0]
    assert refusal(str(found), parse("public")) == "an address of the agent's own machine"


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"])
def test_no_spelling_hides_a_metadata_address(host: str) -> None:
    found = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)[0][4][0]
    assert refusal(str(found), parse("any")) == "a cloud's metadata address"


def test_a_reason_never_holds_the_address() -> None:
    assert all(address not in refusal(address, parse("public")) for address in NOT_PUBLIC)


def test_what_is_no_address_is_refused() -> None:
    assert refusal("pay.example", parse("any")) == "not an address"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "is empty"),
        (" , ", "is empty"),
        ("any,public", "says any and public"),
        ("private", "'private': give any, public, loopback, or a network"),
        ("10.0.0.1/8", "'10.0.0.1/8': give any"),
        ("pay.example", "'pay.example': give any"),
    ],
)
def test_a_setting_that_says_nothing_clear_is_refused_with_what_to_change(value: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse(value)
