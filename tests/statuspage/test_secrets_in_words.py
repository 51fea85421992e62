"""Passwords and tokens stay out of logs and messages."""

from __future__ import annotations

import io
import logging
import sys
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.views.debug import ExceptionReporter

from statuspage.secrets_in_words import LineFormatter, without_password, without_secrets

TOKEN = "eyJhbGciOi.tokenofasha.1234"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Not Found: /manage/abc.def-1", "Not Found: /manage/…"),
        ("Not Found: /sw/u/abc?x=1", "Not Found: /sw/u/…?x=1"),
        ("GET /confirm/abc HTTP/1.1", "GET /confirm/… HTTP/1.1"),
        ("/manage/abc/export", "/manage/…/export"),
        ("redis://user:pa@ss@broker:6379/0 refused", "redis://broker:6379/0 refused"),
        ("https://status.example/incidents/abc", "https://status.example/incidents/abc"),
        ("mail to asha@customer.example", "mail to asha@customer.example"),
    ],
)
def test_what_opens_something_is_cut(written: str, expected: str) -> None:
    assert without_secrets(written) == expected


def test_an_address_of_a_server_is_shown_without_its_password() -> None:
    assert without_password("smtp+tls://me:p@ss/w@mail.example:587") == "smtp+tls://mail.example:587"


@pytest.mark.django_db
@pytest.mark.parametrize("path", [f"/manage/{TOKEN}", f"/sw/u/{TOKEN}", f"/confirm/{TOKEN}", f"/manage/{TOKEN}/export"])
def test_no_token_of_a_link_reaches_a_log_line(client: Client, path: str) -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(LineFormatter("%(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        client.get(path)
        logging.getLogger("django.request").warning("Forbidden: %s", path)
    finally:
        root.removeHandler(handler)
    assert "…" in lines.getvalue()
    assert TOKEN not in lines.getvalue()


def test_a_traceback_is_cut_too() -> None:
    try:
        raise OSError("redis://:hunter2@broker:6379 refused")
    except OSError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    assert "hunter2" not in LineFormatter().format(record)


def test_every_line_goes_through_the_formatter_that_cuts() -> None:
    logging_settings: Any = settings.LOGGING
    assert list(logging_settings["handlers"]) == ["stderr"]
    assert logging_settings["formatters"]["line"]["()"].endswith("LineFormatter")
    assert logging_settings["loggers"]["django"]["handlers"] == []


OPENS = "hunter2"
# Every setting that may hold what opens something, as an operator would set it.
PLANTED = {
    "EMAIL_URL": f"smtp+tls://me:{OPENS}@mail.example:587",
    "EMAIL_HOST_PASSWORD": OPENS,
    "REDIS_URL": f"rediss://:{OPENS}@broker.example:6379/0",
    "BOUNCE_MAILBOX": f"imaps://me:{OPENS}@mail.example/INBOX",
    "ALERT_WEBHOOK": f"https://chat.example/hooks/{OPENS}",
    "CACHES": {"default": {"BACKEND": "x", "LOCATION": f"redis://:{OPENS}@broker.example:6379/0"}},
    "DATABASES": {"default": {"ENGINE": "x", "NAME": "hali", "PASSWORD": OPENS}},
    "ANYMAIL": {"WEBHOOK_SECRET": f"hooks:{OPENS}"},
    "OIDC": {"issuer": "https://id.example", "client": OPENS},
    **dict.fromkeys(
        (
            "SECRET_KEY",
            "ADDRESS_HASH_KEY",
            "SMS_KEY",
            "CALLBACK_TOKEN",
            "SMS_CALLBACK_TOKEN",
            "METRICS_TOKEN",
            "PAGERDUTY_KEY",
            "MAIL_WEBHOOK_SECRET",
            "DEMO_PASSWORD",
            "AGENT_KEY",
        ),
        OPENS,
    ),
    "ADDRESS_KEYS": [OPENS],
}


def test_no_report_of_an_error_shows_a_setting_that_opens_something(monkeypatch: pytest.MonkeyPatch) -> None:
    _plant(monkeypatch)
    try:
        raise OSError("of a test")
    except OSError:
        reporter = ExceptionReporter(RequestFactory().get("/admin/"), *sys.exc_info())
    for report in (reporter.get_traceback_html(), reporter.get_traceback_text()):
        assert "mail.example:587" in report, "the report shows settings"
        assert OPENS not in report


def _plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than in the frame that the report is about: it shows what stands there."""
    for name, value in PLANTED.items():
        monkeypatch.setattr(settings, name, value, raising=False)
