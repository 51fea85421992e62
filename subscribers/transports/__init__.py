"""The ways out: one file per channel and this map."""

from __future__ import annotations

from collections.abc import Mapping

from subscribers.transports.base import Sender
from subscribers.transports.discord import DiscordSender
from subscribers.transports.email import EmailSender
from subscribers.transports.slack import SlackSender
from subscribers.transports.sms import SmsSender
from subscribers.transports.teams import TeamsSender
from subscribers.transports.webhook import WebhookSender

TRANSPORTS: Mapping[str, type[Sender]] = {
    "email": EmailSender,
    "webhook": WebhookSender,
    "slack": SlackSender,
    "teams": TeamsSender,
    "discord": DiscordSender,
    "sms": SmsSender,
}
