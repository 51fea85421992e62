"""What tests of the faces need: Mfano Pesa as the provider."""

from __future__ import annotations

from typing import Any

import pytest

MFANO_PESA = {
    "PROVIDER_NAME": "Mfano Pesa",
    "HELP_LINE": "0800 000 100",
    "PAGE_TIME_ZONE": "Africa/Nairobi",
    "BASE_URL": "https://status.mfanopesa.example",
}


@pytest.fixture
def mfano_pesa(settings: Any) -> None:
    """The demo's provider, zone and address, whatever this copy is set to."""
    for name, value in MFANO_PESA.items():
        setattr(settings, name, value)
