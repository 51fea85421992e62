"""Every way to hear of us, in the order of the form: the one map that settings, form, desk and outbox go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def gettext_noop(words: str) -> str:
    """Marks words for translation. Django's own asks the settings, which are read after this."""
    return words


@dataclass(frozen=True, slots=True)
class Channel:
    """`words`: the reader's, on the form; `desk`: the staff's name of it; `sender`: its class in subscribers.transports."""

    words: str
    desk: str
    sender: str


CHANNELS: Mapping[str, Channel] = {
    "email": Channel(gettext_noop("Email"), "Mail", "email.EmailSender"),
    "sms": Channel(gettext_noop("SMS"), "SMS", "sms.SmsSender"),
    "slack": Channel(gettext_noop("Slack"), "Slack", "slack.SlackSender"),
    "teams": Channel(gettext_noop("Microsoft Teams"), "Teams", "teams.TeamsSender"),
    "discord": Channel(gettext_noop("Discord"), "Discord", "discord.DiscordSender"),
    "ntfy": Channel(gettext_noop("ntfy, by a topic’s address"), "ntfy", "ntfy.NtfySender"),
    "webhook": Channel(gettext_noop("Webhook for programs"), "Webhooks", "webhook.WebhookSender"),
}
