"""The ways out: one file per channel and this map."""

from __future__ import annotations

from collections.abc import Mapping

from subscribers.transports.base import Sender
from subscribers.transports.email import EmailSender

TRANSPORTS: Mapping[str, type[Sender]] = {"email": EmailSender}
