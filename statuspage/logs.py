"""The log, as text or as JSON, with where a line comes from; and errors to Sentry, if wanted. No secret in either."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from incidents import tracing
from statuspage.secrets_in_words import without_secrets

CUT = "[cut]"
# What a line may tell beside its words, by name: numbers of ours, never what somebody typed.
FIELDS = ("entry", "kind", "notification", "notifications", "sent")


class JsonFormatter(logging.Formatter):
    """One object a line: at, level, logger, message; origin, numbers and traceback where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        if tracing.origin():
            said["origin"] = tracing.origin()
        said |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            said["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False, default=str)


def settings_of(*, level: str, form: str) -> dict[str, Any]:
    """Django's LOGGING. `form`: line or json."""
    formatter = "statuspage.logs.JsonFormatter" if form == "json" else "statuspage.secrets_in_words.LineFormatter"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line"}},
        "loggers": {"django": {"handlers": []}},  # Django's own handlers would write lines past our formatter
        "root": {"handlers": ["stderr"], "level": level},
    }


def report_to_sentry(dsn: str, *, secrets: Collection[str]) -> None:
    """Send errors there, without bodies, cookies, headers, local variables and people, and with `secrets` cut out."""
    try:
        import sentry_sdk
    except ImportError:
        raise ImproperlyConfigured("HALI_SENTRY_DSN is set, and its library is missing: pip install sentry-sdk.") from None
    from sentry_sdk.utils import BadDsn

    def scrub(event: Any, hint: Mapping[str, Any]) -> Any:
        if tracing.origin():
            event.setdefault("tags", {})["origin"] = tracing.origin()
        for unwanted in ("headers", "cookies", "data", "env", "query_string"):
            event.get("request", {}).pop(unwanted, None)
        event.pop("user", None)
        return without(event, secrets)

    try:
        sentry_sdk.init(
            dsn=dsn,
            before_send=scrub,
            before_breadcrumb=lambda crumb, hint: without(crumb, secrets),
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            traces_sample_rate=0.0,
        )
    except BadDsn:
        raise ImproperlyConfigured("HALI_SENTRY_DSN: give an address as https://<key>@sentry.example.org/<number>.") from None


def without(value: Any, secrets: Collection[str]) -> Any:
    """The same, every text in it without secrets: ours by value, others by their form."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, CUT)
        return without_secrets(value)
    if isinstance(value, dict):
        return {name: without(item, secrets) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without(item, secrets) for item in value]
    return value
