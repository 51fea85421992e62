"""What is tested here is the record, and its pages are left unwritten."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def nothing_written(pages_unwritten: None) -> None:
    pass
