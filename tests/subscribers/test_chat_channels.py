"""Slack, Teams and Discord: bodies by their published schemas and limits whatever a text holds, and what their answers mean."""

from __future__ import annotations

import json
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from slack_sdk.models.blocks import Block

from subscribers.addresses import AddressError
from subscribers.models import Subscriber
from subscribers.transports import TRANSPORTS
from subscribers.transports.base import Sender, TransportError
from subscribers.transports.chat import ChatSender, filled
from tests.servers import npm_package
from tests.subscribers.bodies import FILLS, HOSTILE, LINK, LONG, item, parcel
from tests.subscribers.hooks import Hook

pytestmark = pytest.mark.django_db
CHATS = ("slack", "teams", "discord")
SHORT: dict[str, Any] = {}
NASTY, HUGE = {"text": HOSTILE, "name": HOSTILE}, {"text": LONG, "name": "Huduma " * 40, "services": 60}


def body(channel: str, language: str = "en", **of: Any) -> Any:
    rendered = TRANSPORTS[channel].render(item(**of), language)
    assert rendered is not None
    return json.loads(filled(rendered.text, FILLS))


def asked(channel: str, language: str = "en") -> Any:
    rendered = TRANSPORTS[channel].render_confirmation(language)
    assert rendered is not None
    return json.loads(filled(rendered.text, FILLS))


def known(channel: str, language: str = "en") -> Any:
    rendered = TRANSPORTS[channel].render_known(language)
    assert rendered is not None
    return json.loads(filled(rendered.text, FILLS))


@pytest.mark.parametrize("of", [SHORT, NASTY, HUGE])
def test_slack_takes_the_blocks(of: dict[str, Any]) -> None:
    for made in (body("slack", **of), asked("slack"), known("slack")):
        assert made["text"]
        assert len(made["blocks"]) <= 50
        for block in Block.parse_all(made["blocks"]):
            assert block is not None
            block.validate_json()
        for block in made["blocks"]:
            if block["type"] == "section" and "text" in block:
                assert 0 < len(block["text"]["text"]) <= 3000
            assert len(block.get("fields", ())) <= 10


@pytest.mark.parametrize("of", [SHORT, NASTY, HUGE])
def test_teams_takes_the_card(of: dict[str, Any]) -> None:
    schema = json.loads(resources.files("adaptive_cards").joinpath("schemas/schema-1.4.json").read_text())
    for made in (body("teams", **of), asked("teams"), known("teams")):
        [attachment] = made["attachments"]
        jsonschema.validate(attachment["content"], schema)
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert len(json.dumps(made, ensure_ascii=False).encode()) <= 28_000


@pytest.mark.parametrize("of", [SHORT, NASTY, HUGE])
def test_discord_takes_the_embed_and_mentions_nobody(of: dict[str, Any]) -> None:
    for made in (body("discord", **of), asked("discord"), known("discord")):
        [embed] = made["embeds"]
        assert made["allowed_mentions"] == {"parse": []}
        assert len(made["content"]) <= 2000
        assert len(made["username"]) <= 80
        assert 0 < len(embed["title"]) <= 256
        assert len(embed["description"]) <= 4096
        fields = embed.get("fields", [])
        assert len(fields) <= 25
        assert all(0 < len(one["name"]) <= 256 and 0 < len(one["value"]) <= 1024 for one in fields)
        texts = [embed["title"], embed["description"], embed.get("footer", {}).get("text", "")]
        assert sum(map(len, texts)) + sum(len(one["name"] + one["value"]) for one in fields) <= 6000
        assert 0 <= embed["color"] <= 0xFFFFFF


def test_discords_published_types_take_our_bodies(tmp_path: Path) -> None:
    """By the TypeScript types of its API that Discord's documentation names; they know fields, not the lengths above."""
    compiler, _ = npm_package("typescript", "bin", "tsc"), npm_package("discord-api-types")
    made = [body("discord", **of) for of in (SHORT, NASTY, HUGE)] + [asked("discord")]
    assert _complaints(made, compiler, tmp_path) == ""
    wrong = {**made[0], "embeds": [{**made[0]["embeds"][0], "colour": 1}]}
    assert '"colour"' in _complaints([wrong], compiler, tmp_path), "a field that Discord does not know is seen"
    assert "'string'" in _complaints([{**made[0], "content": 1}], compiler, tmp_path)


def _complaints(bodies: list[Any], compiler: Path, folder: Path) -> str:
    """What the types say against them."""
    (folder / "package.json").write_text('{"type": "module"}')
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(compiler.parents[2])
    written = folder / "bodies.ts"
    written.write_text(
        'import type { RESTPostAPIWebhookWithTokenJSONBody as Body } from "discord-api-types/v10";\n'
        + "".join(f"export const body{place}: Body = {json.dumps(made)};\n" for place, made in enumerate(bodies))
    )
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"]
    command = ["node", str(compiler), *options, str(written)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False).stdout


def test_what_somebody_wrote_is_words_and_no_mention_or_link() -> None:
    slack = body("slack", **NASTY)
    assert "<!channel>" not in slack["text"] + json.dumps(slack["blocks"][1:])  # a header is plain text to Slack
    assert "[x](" not in body("teams", **NASTY)["attachments"][0]["content"]["body"][1]["text"]
    assert "[x](" not in body("discord", **NASTY)["embeds"][0]["description"]


@pytest.mark.parametrize("channel", [name for name, sender in TRANSPORTS.items() if issubclass(sender, ChatSender)])
def test_a_chat_says_what_happened_in_its_language_and_how_to_stop(channel: str) -> None:
    english, kiswahili = json.dumps(body(channel, "en")), json.dumps(body(channel, "sw"))
    assert "Sending money is slow" in english
    assert "Your choices" in english
    assert "Your choices" not in kiswahili
    assert LINK in english
    assert LINK in json.dumps(asked(channel))
    assert asked(channel, "sw") != asked(channel, "en")


@pytest.mark.parametrize(
    ("channel", "good", "bad"),
    [
        ("slack", "https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com.evil.example/services/T0/B0/x"),
        ("slack", "https://hooks.slack-gov.com/services/T0/B0/xyz", "https://hooks.slack.com/workflows/x"),
        ("teams", "https://prod-1.westeurope.logic.azure.com:443/workflows/a?sig=b", "https://evillogic.azure.com/workflows/a"),
        ("teams", "https://x.y.environment.api.powerplatform.com/a", "https://outlook.office.com/webhook/a"),
        ("discord", "https://discord.com/api/webhooks/1/a-_b", "https://discord.com/channels/1/2"),
        ("discord", "https://ptb.discord.com/api/webhooks/1/a", "https://discord.com.evil.example/api/webhooks/1/a"),
    ],
)
def test_only_a_urls_own_service_hears_what_is_meant_for_it(channel: str, good: str, bad: str) -> None:
    assert TRANSPORTS[channel].normalise(good).startswith("https://")
    with pytest.raises(AddressError, match="Copy the webhook's URL"):
        TRANSPORTS[channel].normalise(bad)


# --- Answers ---------------------------------------------------------------------------------------


def send(channel: str, hook: Hook, settings: Any) -> str:
    settings.WEBHOOK_TEST = True
    sender: Sender = TRANSPORTS[channel]()
    rendered = TRANSPORTS[channel].render_confirmation("en")
    assert rendered is not None
    try:
        return sender.send(parcel(rendered, f"{hook.url}services/T0/B0/x"))
    finally:
        sender.close()


@pytest.mark.parametrize("channel", CHATS)
def test_a_message_arrives_as_json(channel: str, settings: Any) -> None:
    with Hook() as hook:
        hook.answers = [(202, {}, b"1")]
        send(channel, hook, settings)
        [heard] = hook.requests
    assert heard.headers["Content-Type"] == "application/json"
    assert json.loads(heard.body) == asked(channel)
    assert heard.path == "/services/T0/B0/x" + ("?wait=true" if channel == "discord" else "")


@pytest.mark.parametrize(
    ("channel", "answer", "gone", "permanent", "wait"),
    [
        ("slack", (404, {}, b"no_service"), True, True, None),
        ("slack", (410, {}, b"channel_is_archived"), True, True, None),
        ("slack", (403, {}, b"action_prohibited"), True, True, None),
        ("slack", (400, {}, b"invalid_payload"), False, True, None),
        ("slack", (429, {"Retry-After": "30"}, b""), False, False, 30.0),
        ("slack", (500, {}, b"rollup_error"), False, False, None),
        ("teams", (404, {}, b""), True, True, None),
        ("teams", (429, {"Retry-After": "Sat, 28 Nov 2000 00:00:00 GMT"}, b""), False, False, 0.0),
        ("discord", (404, {}, b'{"code": 10015}'), True, True, None),
        ("discord", (429, {"Retry-After": "2"}, b'{"retry_after": 1.5}'), False, False, 1.5),
        ("discord", (429, {"Retry-After": "2"}, b'{"retry_after": NaN}'), False, False, None),
        ("discord", (302, {"Location": "http://127.0.0.1:1/"}, b""), False, True, None),
    ],
)
def test_what_an_answer_means(
    channel: str, answer: tuple[int, dict[str, str], bytes], gone: bool, permanent: bool, wait: float | None, settings: Any
) -> None:
    with Hook() as hook:
        hook.answers = [answer]
        with pytest.raises(TransportError) as refusal:
            send(channel, hook, settings)
    assert (refusal.value.gone, refusal.value.permanent, refusal.value.retry_after) == (gone, permanent, wait)
    assert "services/T0" not in str(refusal.value), "the URL is a secret"
    assert not Subscriber.objects.exists()
