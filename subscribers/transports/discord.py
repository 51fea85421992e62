"""Discord, by the URL of a channel's webhook: one embed, and nobody is mentioned whatever a text holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from subscribers import posting
from subscribers.posting import Answer
from subscribers.telling import Telling
from subscribers.transports.chat import BLUE, CONFIRM_MARK, MANAGE_MARK, ChatSender, cut, headline_of, next_update, text_of

NAME, CONTENT, TITLE, TEXT, FIELD_NAME, FIELD, FIELDS = 80, 2000, 256, 3000, 256, 200, 10  # 6000 in all
FOOT = 300


class DiscordSender(ChatSender):
    hosts = ("discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com")
    paths = "/api/webhooks/"
    example = "https://discord.com/api/webhooks/…"

    @classmethod
    def said(cls, told: Telling, colour: int) -> Mapping[str, Any]:
        embed: dict[str, Any] = {
            "title": cut(_safe(headline_of(told)), TITLE),
            "url": told.url,
            "description": cut(_safe(text_of(told, struck="~~", bold="**")), TEXT),
            "color": colour,
            "fields": [
                {"name": cut(_safe(name), FIELD), "value": cut(_safe(state), FIELD), "inline": True}
                for name, state in told.affected[:FIELDS]
            ],
            "footer": {"text": cut(" · ".join(filter(None, [told.at, next_update(told)])), FOOT)},
        }
        return _message(f"[{gettext('Your choices')}](<{MANAGE_MARK}>)", embed)

    @classmethod
    def asked(cls, title: str, text: str, button: str) -> Mapping[str, Any]:
        return _message(f"[{button}](<{CONFIRM_MARK}>)", {"title": cut(title, TITLE), "description": text, "color": BLUE})

    @classmethod
    def url_of(cls, address: str) -> str:
        return f"{address}{'&' if '?' in address else '?'}wait=true"

    def require_taken(self, answer: Answer) -> None:
        posting.require_taken(replace(answer, retry_after=_wait(answer)), gone=(404, 410))


def _wait(answer: Answer) -> float | None:
    """Seconds to wait: Discord says them in the body too, more precisely."""
    try:
        return posting.believed(float(json.loads(answer.body)["retry_after"]))
    except (ValueError, KeyError, TypeError):
        return answer.retry_after


def _safe(text: str) -> str:
    """What somebody wrote is no link, no mention and no heading."""
    return re.sub(r"([\[\]`<>@#|])", r"\\\1", text)


def _message(content: str, embed: Mapping[str, Any]) -> Mapping[str, Any]:
    name = gettext("%(provider)s status") % {"provider": settings.PROVIDER_NAME}
    return {"username": cut(name, NAME), "content": content, "embeds": [embed], "allowed_mentions": {"parse": []}}
