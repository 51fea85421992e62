"""ntfy: messages within its published limits, to the server of the topic's URL, and what its answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from subscribers.addresses import AddressError
from subscribers.transports.base import TransportError
from subscribers.transports.chat import filled
from subscribers.transports.ntfy import NtfySender
from tests.subscribers.bodies import FILLS, HOSTILE, LINK, LONG, item, parcel
from tests.subscribers.hooks import Hook

pytestmark = pytest.mark.django_db
FIELDS = {"topic", "title", "message", "tags", "priority", "click", "actions"}  # docs.ntfy.sh/publish, “Publish as JSON”


def body(language: str = "en", **of: Any) -> Any:
    return json.loads(filled(NtfySender.render(item(**of), language).text, FILLS))


@pytest.mark.parametrize(
    "of", [{}, {"text": HOSTILE, "name": HOSTILE}, {"text": LONG, "name": "Huduma " * 40, "services": 30}, {"text": "é…" * 3000}]
)
def test_a_message_keeps_to_the_servers_limits_whatever_a_text_holds(of: dict[str, Any]) -> None:
    asked = json.loads(filled(NtfySender.render_confirmation("sw").text, FILLS))
    known = json.loads(filled(NtfySender.render_known("sw").text, FILLS))
    for made in (body("en", **of), body("sw", **of), asked, known):
        assert set(made) <= FIELDS
        assert 0 < len(made["title"].encode()) <= 1024
        assert 0 < len(made["message"].encode()) <= 4096, "a longer one would come as a file"
        assert len(",".join(made.get("tags", [])).encode()) <= 512
        assert 0 < len(made["actions"]) <= 3
        assert all(one["action"] == "view" and one["label"] and one["url"].startswith("http") for one in made["actions"])
        assert LINK in [one["url"] for one in made["actions"]]


def test_a_long_message_still_ends_with_its_time() -> None:
    assert "Next update by" in body(text=LONG)["message"].rsplit("\n\n", 1)[1]


@pytest.mark.parametrize(
    "bad", ["https://ntfy.sh/", "https://ntfy.sh/a/b", "https://ntfy.sh/a?up=1", "https://ntfy.sh.evil.example/a"]
)
def test_an_address_is_a_topic_and_nothing_else(bad: str) -> None:
    assert NtfySender.normalise("https://ntfy.sh/mfano_Pesa-7/") == "https://ntfy.sh/mfano_Pesa-7"
    with pytest.raises(AddressError, match=r"Copy the .*URL"):
        NtfySender.normalise(bad)


def send(hook: Hook, settings: Any) -> None:
    settings.WEBHOOK_TEST = True
    sender = NtfySender()
    try:
        sender.send(parcel(NtfySender.render_confirmation("en"), f"{hook.url}mfano-pesa-7"))
    finally:
        sender.close()


def test_a_message_is_posted_to_the_server_and_names_its_topic(settings: Any) -> None:
    with Hook() as hook:
        send(hook, settings)
        [heard] = hook.requests
    assert heard.path == "/"
    said = json.loads(heard.body)
    assert (said["topic"], said["click"]) == ("mfano-pesa-7", LINK)


@pytest.mark.parametrize(
    ("status", "permanent", "throttled"), [(429, False, True), (507, False, False), (400, True, False), (403, True, False)]
)
def test_its_limits_are_ours_as_a_whole_and_no_answer_ends_a_subscription(
    status: int, permanent: bool, throttled: bool, settings: Any
) -> None:
    with Hook() as hook:
        hook.answers = [(status, {}, b'{"code": 42908}')]
        with pytest.raises(TransportError) as refusal:
            send(hook, settings)
    assert (refusal.value.permanent, refusal.value.throttled, refusal.value.gone) == (permanent, throttled, False)
    assert "mfano-pesa" not in str(refusal.value)
