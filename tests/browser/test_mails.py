"""Mails as a mail program shows them: by day and by night, narrow, without pictures.

TEST_SCREENSHOTS names a folder that keeps what Chromium showed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from incidents.models import Incident
from statuspage import publishing
from subscribers import items, rendering
from tests.incidents.test_every_document import MAKE, incident  # noqa: F401  (a fixture)
from tests.subscribers import news

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

# Every text's colour against the nearest painted background: the worst ratio of WCAG, and what has it.
WORST = """() => {
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 });
    return .2126 * r + .7152 * g + .0722 * b };
  const rgb = s => s.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c.slice(0, 3) } return [255, 255, 255] };
  let worst = [99, ''];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.getClientRects().length || e.closest('style')) continue;
    const a = light(rgb(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, walk.currentNode.data.trim().slice(0, 40)] }
  return worst }"""


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only mails are looked at."""
    monkeypatch.setattr(publishing, "_show", lambda now: None)


@pytest.fixture
def mails(incident: Incident, settings: Any) -> dict[str, str]:  # noqa: F811
    """The HTML of a mail of every kind in each language: {<kind>-<language>: HTML}."""
    news.set_up(settings)
    update = incident.updates.published().first()
    assert update is not None
    told = {"update": items.item_of(update)} | {name: items.item_of(make(incident)) for name, make in MAKE.items()}
    made: dict[str, str] = {}
    for language in ("en", "sw"):
        made |= {f"{name}-{language}": rendering.render(item, language).html for name, item in told.items()}
        made[f"digest-{language}"] = rendering.render_digest(list(told.values())[:4], language).html
        made |= {f"{name}-{language}": rendering.render_asked(name, language).html for name in ("confirm", "known")}
        made[f"ended-{language}"] = rendering.render_ended(language, host="a-long-name-of-a-host.hooks.customer.example").html
    return {name: html.replace("@@", "") for name, html in made.items()}


def test_mails_read_well_by_day_by_night_and_on_a_narrow_phone(browser: Browser, mails: dict[str, str]) -> None:
    asked: list[str] = []
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport={"width": 320, "height": 900}, color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        for name, html in mails.items():
            page.set_content(html)
            ratio, words = page.evaluate(WORST)
            assert ratio >= 4.5, (name, scheme, words)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
            assert page.evaluate("document.images.length") == 0
            if folder := os.environ.get("TEST_SCREENSHOTS"):
                page.screenshot(path=Path(folder) / f"{name}-{scheme}.png", full_page=True)
        page.close()
    assert asked == [], "a mail fetches nothing"
