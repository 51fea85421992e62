"""What is tested here is the record. The page that a publication writes is tested with the page, and takes ten times longer."""

from __future__ import annotations

import pytest

from statuspage import snapshot


@pytest.fixture(autouse=True)
def pages_unwritten(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reads the page says so with the mark `writes_pages`."""
    if not request.node.get_closest_marker("writes_pages"):
        monkeypatch.setattr(snapshot, "refresh", lambda **_: False)
