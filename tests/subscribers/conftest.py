from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from subscribers import confirmations, leases
from tests.mail_server import MailServer
from tests.subscribers import news


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    news.set_up(settings)


@pytest.fixture(autouse=True)
def even_chances(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are drawn by lot; here each is the middle one (tests/subscribers/test_retries.py plays them all)."""
    for drawer in (leases, confirmations):
        monkeypatch.setattr(drawer, "random", SimpleNamespace(random=lambda: 0.5))


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """A running mail server, and Django pointed at it."""
    server = MailServer()
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 5
    yield server
    server.stop()
