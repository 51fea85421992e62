"""System checks of what subscribers need from the settings, each with a hint.

Missing values are warnings: a page without subscribers is whole, and no command that publishes in an emergency may fail for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from subscribers import addresses


@checks.register
def check_addresses(*, app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.HALI_AGENT:  # an agent knows no subscribers
        return []
    found: list[checks.CheckMessage] = []
    if not settings.ADDRESS_KEYS:
        found.append(
            checks.Warning(
                "HALI_ADDRESS_KEYS is not set: nobody can subscribe.",
                hint="Give a Fernet key: 32 random bytes in URL-safe base64. `make run` writes one into $HALI_DATA_DIR/env.",
                id="subscribers.W001",
            )
        )
    else:
        try:
            addresses.fernet_of(tuple(settings.ADDRESS_KEYS))
        except ImproperlyConfigured as error:
            found.append(checks.Error(str(error), hint="The first key encrypts, all decrypt.", id="subscribers.E001"))
    if not settings.ADDRESS_HASH_KEY:
        found.append(
            checks.Warning(
                "HALI_ADDRESS_HASH_KEY is not set: nobody can subscribe.",
                hint="Give 50 or more random characters, and never change them: addresses are found by it.",
                id="subscribers.W002",
            )
        )
    if not settings.MAIL_FROM:
        found.append(
            checks.Warning(
                "HALI_MAIL_FROM is not set: no mail can be sent.",
                hint="Give the address mails come from, on a domain whose SPF and DKIM name your relay.",
                id="subscribers.W003",
            )
        )
    return found
