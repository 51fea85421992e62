"""Microsoft Teams, by the URL of a workflow that posts what it gets: an Adaptive Card 1.4, 28 kB at most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from subscribers.telling import Telling
from subscribers.transports.chat import CONFIRM_MARK, MANAGE_MARK, ChatSender, cut, headline_of, next_update, text_of

TITLE, TEXT, FACT, FACTS = 300, 5000, 300, 20  # 28 kB hold twice as much, in letters of three octets too


class TeamsSender(ChatSender):
    hosts = (".logic.azure.com", ".api.powerplatform.com", ".logic.azure.us", ".api.gov.powerplatform.microsoft.us")
    example = "https://….logic.azure.com/workflows/…"

    @classmethod
    def said(cls, told: Telling, colour: int) -> Mapping[str, Any]:
        body = [_title(headline_of(told))]
        if text := _safe(text_of(told, struck="", bold="")):
            body.append(_text(cut(text, TEXT)))
        if facts := [{"title": cut(name, FACT), "value": cut(state, FACT)} for name, state in told.affected[:FACTS]]:
            body.append({"type": "FactSet", "facts": facts})
        foot = " · ".join(filter(None, [told.at, next_update(told)]))
        body.append({**_text(foot), "size": "Small", "isSubtle": True})
        actions = [_open(gettext("Read on the page"), told.url), _open(gettext("Your choices"), MANAGE_MARK)]
        return _message(body, actions)

    @classmethod
    def asked(cls, title: str, text: str, button: str) -> Mapping[str, Any]:
        return _message([_title(title), _text(text)], [_open(button, CONFIRM_MARK)])


def _safe(text: str) -> str:
    """Without the signs by which a card's text becomes a link or a heading, and with line breaks that it keeps."""
    return re.sub(r"([\[\]*_`#<>])", r"\\\1", text).replace("\n", "\n\n")


def _title(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": _safe(cut(text, TITLE)), "weight": "Bolder", "size": "Large", "wrap": True}


def _text(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True}


def _open(title: str, url: str) -> dict[str, Any]:
    return {"type": "Action.OpenUrl", "title": title, "url": url}


def _message(body: list[dict[str, Any]], actions: list[dict[str, Any]]) -> Mapping[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
