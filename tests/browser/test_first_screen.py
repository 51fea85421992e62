"""What a customer sees on a phone before scrolling, when much is wrong at once: the state, what to do and the next promise.

The demo's sixteen services, fourteen of them in four states, beside two more problems, one with a long name: fresh, with a late
promise, in the stale form, and on a copy that its own script has turned.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from incidents.languages import codes, in_all
from incidents.models import Component, Incident
from incidents.words import ComponentStatus
from statuspage import page as pages
from statuspage.management.commands.seed_demo import GROUPS
from statuspage.snapshot import building
from tests.factories import NOON, ComponentFactory, ComponentGroupFactory
from tests.statuspage import rows
from tests.statuspage.conftest import MFANO_PESA

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
STATES = (
    ComponentStatus.MAJOR_OUTAGE,
    ComponentStatus.PARTIAL_OUTAGE,
    ComponentStatus.DELAYED,
    ComponentStatus.DEGRADED_PERFORMANCE,
)
LONG = {
    "en": "Bank transfers to three banks are arriving late since this morning",
    "sw": "Uhamisho wa benki kwa benki tatu unachelewa tangu leo asubuhi",
}
HEIGHT = 640
SOON, LATE = NOON + timedelta(minutes=2), NOON + timedelta(minutes=45)


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    for name, value in MFANO_PESA.items():
        setattr(settings, name, value)


@pytest.fixture
def much_is_wrong() -> None:
    services: list[Component] = []
    for code, english, kiswahili, listed in GROUPS:
        group = ComponentGroupFactory(code=code, name=in_all({"en": english, "sw": kiswahili}))
        services += [ComponentFactory(code=one, group=group, name=in_all({"en": en, "sw": sw})) for one, en, sw in listed]
    affected = {service: STATES[place % 4] for place, service in enumerate(services[:14])}
    rows.publish(affected=affected, next_update_by=NOON + timedelta(minutes=30))
    rows.publish(affected={services[15]: "partial_outage"}, at=NOON + timedelta(seconds=20))
    long = rows.publish(affected={services[15]: "partial_outage"}, at=NOON + timedelta(seconds=21)).incident
    Incident.objects.filter(pk=long.pk).update(name=in_all(LONG))


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 360, "height": HEIGHT})
    yield context
    context.close()


def opened(phone: BrowserContext, html: bytes, *, aged: bool) -> Page:
    """A page of its own for each: policies of one document add up."""
    page = phone.new_page()
    page.clock.install(time=NOON)
    page.set_content(html.decode())
    if aged:
        page.clock.fast_forward("02:00:00")
    return page


@pytest.mark.parametrize("form", ["fresh", "stale", "aged"])
@pytest.mark.parametrize("now", [SOON, LATE], ids=["promised", "late"])
def test_state_action_and_promise_are_seen_without_scrolling(
    phone: BrowserContext, much_is_wrong: None, now: datetime, form: str
) -> None:
    files = building.about_now(pages.build_now(now), building.STALE if form == "stale" else building.FRESH)
    for language in codes():
        page = opened(phone, files[f"{building.folder_of(language)}index.html"], aged=form == "aged")
        assert page.locator("html").get_attribute("data-freshness") == ("fresh" if form == "fresh" else "stale")
        for words in page.locator("h1"), page.locator(".hd .f > div").nth(0), page.locator(".hd .f > div").nth(1):
            box = words.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= HEIGHT, (language, words.inner_text())
        if form != "fresh":
            assert page.locator(".was").count() == 1
            assert page.locator('.was a[href="#now"]').inner_text() == ("and 2 more" if language == "en" else "na nyingine 2")
        page.close()


def test_a_copy_that_was_green_and_has_aged_loses_its_green_icon_and_says_what_to_do(phone: BrowserContext) -> None:
    rows.component()
    files = building.about_now(pages.build_now(NOON), building.FRESH)
    page = opened(phone, files["index.html"], aged=True)
    icon = page.locator("link[rel=icon]").get_attribute("href") or ""
    assert "%2366717c" in icon
    assert "%230b7a55" not in icon
    assert page.locator(".hd .f > div").nth(0).inner_text().startswith("What to do\nIf a payment has not gone through")


def test_an_aged_copy_with_one_open_problem_has_no_empty_link(phone: BrowserContext) -> None:
    rows.publish()
    page = opened(phone, building.about_now(pages.build_now(SOON), building.FRESH)["index.html"], aged=True)
    assert page.locator(".was").count() == 1
    assert page.locator(".was a:not([href='#now'])").count() == page.locator(".was a").count()
    assert all(words.strip() for words in page.locator(".was a").all_inner_texts())


def test_an_aged_copy_says_of_a_problem_no_more_than_the_stale_form(phone: BrowserContext) -> None:
    rows.publish(affected={rows.component(): "delayed"}, next_update_by=NOON + timedelta(minutes=30))
    fresh, stale = (building.about_now(pages.build_now(SOON), form)["index.html"] for form in (building.FRESH, building.STALE))
    said = []
    for html, aged in ((fresh, True), (stale, False)):
        page = opened(phone, html, aged=aged)
        said.append((page.locator(".hd .f > div").nth(1).inner_text(), page.locator("#now ul.k").inner_text()))
        assert page.locator("#now ul.k use").get_attribute("xlink:href") == "#u"
        page.close()
    assert said[0] == said[1]
    assert "After that, this update is late." in said[0][0]
