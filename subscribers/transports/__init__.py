"""The ways out: one file per channel, found by its entry in subscribers/channels.py."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.module_loading import import_string

from subscribers.channels import CHANNELS
from subscribers.transports.base import Sender

TRANSPORTS: Mapping[str, type[Sender]] = {
    name: import_string(f"{__name__}.{channel.sender}") for name, channel in CHANNELS.items()
}
