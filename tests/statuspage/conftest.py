"""What tests of the faces need: the translations compiled, and Mfano Pesa as the provider."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).resolve().parent.parent.parent / "statuspage" / "locale"


@pytest.fixture(scope="session", autouse=True)
def compiled_translations() -> None:
    """Write each .mo whose .po says something else: `make run` does the same."""
    for source in LOCALE.glob("*/LC_MESSAGES/django.po"):
        compiled = BytesIO()
        with source.open("rb") as file:
            write_mo(compiled, read_po(file))
        target = source.with_suffix(".mo")
        if not target.exists() or target.read_bytes() != compiled.getvalue():
            target.write_bytes(compiled.getvalue())


@pytest.fixture
def mfano_pesa(settings: Any) -> None:
    """The demo's provider, zone and address, whatever this copy is set to."""
    settings.PROVIDER_NAME = "Mfano Pesa"
    settings.HELP_LINE = "0800 000 100"
    settings.PAGE_TIME_ZONE = "Africa/Nairobi"
    settings.BASE_URL = "https://status.mfanopesa.example"
