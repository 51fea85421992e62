"""What tests of the faces need: Mfano Pesa as the provider."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def mfano_pesa(settings: Any) -> None:
    """The demo's provider, zone and address, whatever this copy is set to."""
    settings.PROVIDER_NAME = "Mfano Pesa"
    settings.HELP_LINE = "0800 000 100"
    settings.PAGE_TIME_ZONE = "Africa/Nairobi"
    settings.BASE_URL = "https://status.mfanopesa.example"
