from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.mail_server import MailServer
from tests.subscribers import news


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    news.set_up(settings)


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """A running mail server, and Django pointed at it."""
    server = MailServer()
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 5
    yield server
    server.stop()
