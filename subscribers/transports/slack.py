"""Slack, by the URL of an incoming webhook: blocks, at most one a second to each."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from django.utils.translation import gettext

from subscribers.posting import Answer
from subscribers.telling import Telling
from subscribers.transports.base import TransportError
from subscribers.transports.chat import CONFIRM_MARK, MANAGE_MARK, ChatSender, cut, headline_of, next_update, text_of

HEADER, SECTION, FIELD, FIELDS, BUTTON = 150, 3000, 2000, 10, 75
# What a webhook says whose channel or app is no more.
_GONE = ("no_service", "no_active_hooks", "channel_not_found", "channel_is_archived", "team_disabled", "action_prohibited")


class SlackSender(ChatSender):
    hosts = ("hooks.slack.com", "hooks.slack-gov.com")
    paths = "/services/"
    example = "https://hooks.slack.com/services/…"

    @classmethod
    def said(cls, told: Telling, colour: int) -> Mapping[str, Any]:
        text = _safe(text_of(told, struck="~", bold="*"))
        fields = [_markdown(cut(f"*{_safe(name)}*\n{_safe(state)}", FIELD)) for name, state in told.affected[:FIELDS]]
        blocks: list[dict[str, Any]] = [_header(headline_of(told))]
        if text:
            blocks.append({"type": "section", "text": _markdown(cut(text, SECTION))})
        if fields:
            blocks.append({"type": "section", "fields": fields})
        blocks.append(_button(gettext("Read on the page"), told.url))
        foot = [told.at, next_update(told), f"<{MANAGE_MARK}|{_safe(gettext('Your choices'))}>"]
        blocks.append({"type": "context", "elements": [_markdown(" · ".join(filter(None, foot)))]})
        return {"text": cut(_safe(headline_of(told)), SECTION), "blocks": blocks}

    @classmethod
    def asked(cls, title: str, text: str, button: str) -> Mapping[str, Any]:
        section = {"type": "section", "text": _markdown(_safe(text))}
        return {"text": _safe(title), "blocks": [_header(title), section, _button(button, CONFIRM_MARK)]}

    def require_taken(self, answer: Answer) -> None:
        said = answer.body.decode("utf-8", "replace").strip()[:60]
        if answer.status >= 400 and said in _GONE:
            raise TransportError(f"Slack says that this webhook is no more ({said}).", gone=True)
        super().require_taken(answer)


def _safe(text: str) -> str:
    """Slack's three signs with a meaning: nobody is mentioned and nothing is linked by what somebody wrote."""
    return escape(text, quote=False)


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": cut(text, HEADER)}}


def _markdown(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def _button(text: str, url: str) -> dict[str, Any]:
    label = {"type": "plain_text", "text": cut(text, BUTTON)}
    return {"type": "actions", "elements": [{"type": "button", "text": label, "url": url}]}
