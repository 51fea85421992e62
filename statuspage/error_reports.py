"""What Django's reports of errors show of settings: nothing that opens something."""

from __future__ import annotations

import re
from typing import Any

from django.views.debug import SafeExceptionReporterFilter

from statuspage.secrets_in_words import without_secrets


class Filter(SafeExceptionReporterFilter):
    """Names that say secret are hidden whole, as Django does; of addresses, which it shows, user and password are cut."""

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|WEBHOOK|MAILBOX|OIDC", re.IGNORECASE)

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return without_secrets(cleansed) if isinstance(cleansed, str) else cleansed
