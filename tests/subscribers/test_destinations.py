"""Where a subscriber's URL may not lead: every spelling of a place inside, and every address a name may turn out to have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dns.message
import dns.rrset
import pytest

from subscribers import destinations
from subscribers.destinations import DestinationRefused, NameUnknown
from subscribers.posting import Poster
from subscribers.transports.base import TransportError
from tests.probes.name_server import NameServer
from tests.subscribers.hooks import Hook

NUMBERS = "numbers"
REFUSED = {
    "http://hooks.customer.example/": "https",
    "ftp://hooks.customer.example/": "https",
    "file:///etc/passwd": "https",
    "gopher://hooks.customer.example/": "https",
    "//hooks.customer.example/": "https",
    "hooks.customer.example": "https",
    "https://": "in full",
    "https:///path": "in full",
    "https://user:secret@hooks.customer.example/": "password",
    "https://hooks.customer.example@10.0.0.1/": "password",
    "https://hooks.customer.example/#part": "#",
    "https://hooks.customer.example:22/": "443 or 8443",
    "https://hooks.customer.example:80/": "443 or 8443",
    "https://hooks.customer.example:0/": "443 or 8443",
    "https://hooks.customer.example:99999/": "in full",
    "https://hooks.customer.example:x/": "in full",
    "https://hooks.customer .example/": "spaces",
    "https://hooks.customer.example\\@10.0.0.1/": "spaces",
    "https://hooks.customer.example/\r\nHost: inside": "spaces",
    "https://hooks.customer.example/" + "x" * 2000: "2000",
    "https://127.0.0.1/": NUMBERS,
    "https://2130706433/": NUMBERS,  # 127.0.0.1 as one decimal number
    "https://0x7f000001/": NUMBERS,
    "https://0x7f.0.0.1/": NUMBERS,
    "https://0177.0.0.01/": NUMBERS,
    "https://017700000001/": NUMBERS,
    "https://127.1/": NUMBERS,
    "https://1/": NUMBERS,
    "https://127.0.0.1./": NUMBERS,
    "https://１２７.0.0.1/": NUMBERS,  # full-width digits
    "https://①②⑦.0.0.1/": NUMBERS,
    "https://127。0。0。1/": NUMBERS,
    "https://93.184.216.34/": NUMBERS,
    "https://hooks.0x7f/": NUMBERS,
    "https://[::1]/": NUMBERS,
    "https://[::ffff:127.0.0.1]/": NUMBERS,
    "https://[::ffff:7f00:1]/": NUMBERS,
    "https://[fe80::1%25eth0]/": NUMBERS,
    "https://[2606:2800:220:1::1]/": NUMBERS,
    "https://[::1/": "in full",
    "https://intranet/": "in full",
    "https://-hooks.example/": "in full",
    "https://hooks..example/": "in full",
    "https://%31%32%37.0.0.1/": NUMBERS,
    "https://hooks%2ecustomer.example/": "in full",
    "https://localhost/": "in full",
    "https://a.localhost/": "private network",
    "https://printer.local/": "private network",
    "https://metadata.google.internal/": "private network",
    "https://ⓛocalhost.localhost/": "private network",
    "https://status.mfanopesa.example/": "itself",
    "https://STATUS.mfanopesa.example./hook": "itself",
    "https://mfanopesa.co.ke/": "itself",
    "https://desk.mfanopesa.co.ke/": "itself",
    "https://a.desk.Mfanopesa.co.ke/": "itself",
}


@pytest.fixture(autouse=True)
def _our_host(settings: Any) -> None:
    settings.BASE_URL = "https://status.mfanopesa.example"
    settings.ALLOWED_HOSTS = ["status.mfanopesa.example", ".mfanopesa.co.ke", "*"]


@pytest.mark.parametrize(("url", "why"), REFUSED.items())
def test_a_url_that_leads_inside_or_nowhere_is_refused_with_a_reason(url: str, why: str) -> None:
    with pytest.raises(DestinationRefused, match=why):
        destinations.parse(url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://Hooks.Customer.EXAMPLE", "https://hooks.customer.example/"),
        ("https://hooks.customer.example:443/a?b=c", "https://hooks.customer.example/a?b=c"),
        ("https://hooks.customer.example:8443/a", "https://hooks.customer.example:8443/a"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("https://notmfanopesa.co.ke/", "https://notmfanopesa.co.ke/"),
        ("https://my_hook.customer.example/%41", "https://my_hook.customer.example/%41"),
    ],
)
def test_a_url_on_the_internet_has_one_normal_form(url: str, normal: str) -> None:
    assert destinations.parse(url).url == normal
    assert destinations.parse(normal).url == normal


BLOCKED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::",
    "2002:5db8:d822::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "::127.0.0.1", "not an address",
    "::ffff:0:127.0.0.1", "::ffff:0:7f00:1", "::ffff:0:93.184.216.34", "::93.184.216.34", "1fff::1", "4000::1", "100:0:0:1::1",
]  # fmt: skip


@pytest.mark.parametrize("address", BLOCKED)
def test_an_address_that_is_not_anybodys_is_never_posted_to(address: str) -> None:
    assert not destinations.may_reach(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_an_address_on_the_internet_may_be_posted_to(address: str) -> None:
    assert destinations.may_reach(address)


# --- Names, by a name server that lies ------------------------------------------------------------


class LyingNames:
    """Each question for A takes the next of these lists of addresses; the last one stays."""

    def __init__(self) -> None:
        self.turns: list[list[str]] = [[]]
        self.asked = 0

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        [question] = query.question
        turn = self.turns[min(self.asked, len(self.turns) - 1)]
        wanted = [one for one in turn if (":" in one) == (question.rdtype == 28)]
        if question.rdtype == 1:  # A is asked after AAAA
            self.asked += 1
        if wanted:
            reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", question.rdtype, *wanted))
        return reply


@pytest.fixture
def names(settings: Any) -> Iterator[LyingNames]:
    lying = LyingNames()
    server = NameServer(lying.answer)
    settings.WEBHOOK_NAME_SERVER = f"127.0.0.1:{server.port}"
    yield lying
    server.close()


HOOK = "https://hooks.customer.example/"


def test_one_bad_address_among_good_ones_is_enough(names: LyingNames) -> None:
    for bad in (["93.184.216.34", "10.0.0.1"], ["93.184.216.34", "::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]):
        names.turns, names.asked = [bad], 0
        with pytest.raises(DestinationRefused, match="private or reserved"):
            destinations.checked_address(destinations.parse(HOOK))
    names.turns = [["93.184.216.34", "2606:2800:220:1::1"]]
    assert destinations.checked_address(destinations.parse(HOOK)) == "93.184.216.34"


def test_a_name_without_an_address_is_asked_again_later(names: LyingNames) -> None:
    with pytest.raises(NameUnknown):
        destinations.checked_address(destinations.parse(HOOK))
    with pytest.raises(TransportError) as refusal:
        Poster().post(HOOK, b"{}", {})
    assert not refusal.value.permanent


def test_a_name_that_turns_inward_is_refused_at_the_next_attempt_with_the_reason(names: LyingNames) -> None:
    names.turns = [["127.0.0.1"]]
    with pytest.raises(TransportError, match="private or reserved") as refusal:
        Poster().post(HOOK, b"{}", {})
    assert refusal.value.permanent
    assert "customer" not in str(refusal.value)


def test_a_post_goes_to_the_address_that_was_judged_though_the_name_has_moved_meanwhile(names: LyingNames, settings: Any) -> None:
    """A second look-up would reach the other listener."""
    settings.WEBHOOK_TEST = True
    with Hook() as judged, Hook(host="127.0.0.2", port=judged.port) as moved:
        names.turns = [["127.0.0.1"], ["127.0.0.2"]]
        poster, url = Poster(), f"http://hooks.customer.example:{judged.port}/a?b=c"
        assert poster.post(url, b"{}", {}).status == 200
        assert (len(judged.requests), len(moved.requests), names.asked) == (1, 0, 1)
        assert judged.requests[0].headers["Host"] == f"hooks.customer.example:{judged.port}"
        poster.close()
        assert Poster().post(url, b"{}", {}).status == 200
        assert (len(judged.requests), len(moved.requests), names.asked) == (1, 1, 2), "the next attempt judges anew"
