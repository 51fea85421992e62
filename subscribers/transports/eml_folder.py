"""Mail as files: one .eml per message in settings.MAIL_DIR. The demo's mail server, and what tests of the demo read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class MailFolderError(OSError):
    """The folder takes no mail. The message says what to change."""


class EmailBackend(BaseEmailBackend):
    """A file appears whole or not at all; the names sort by time. Readable by its owner only: addresses stand in it."""

    def open(self) -> bool:
        folder = Path(settings.MAIL_DIR)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _explained(folder, error) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _explained(folder, PermissionError(13, "Permission denied"))
        return False

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self.open()
        folder = Path(settings.MAIL_DIR)
        for message in email_messages:
            try:
                _write(folder, message.message().as_bytes())
            except OSError as error:
                raise _explained(folder, error) from error
        return len(email_messages)


def _explained(folder: Path, error: OSError) -> MailFolderError:
    return MailFolderError(
        f"Mail cannot be written to {folder} ({error.strerror or error}): "
        "make the folder writable, or set EMAIL_URL to a mail server."
    )


def _write(folder: Path, content: bytes) -> None:
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"
    unfinished = folder / f".{name}.tmp"
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        unfinished.rename(folder / f"{name}.eml")
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
