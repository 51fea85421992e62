"""axe-core over every public page: light and dark, both languages, everything unfolded.

English on a phone by day, Kiswahili on a wide screen by night; `TEST_AXE=full` takes each page in both themes at four widths,
some minutes more.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, Route

from incidents import merging
from incidents.models import Component, Incident
from incidents.words import IncidentStatus
from statuspage import snapshot
from statuspage.page import build_now
from statuspage.snapshot import building
from subscribers import links
from tests.browser.conftest import Site
from tests.factories import NOON, UserFactory
from tests.incidents import plans
from tests.statuspage import rows
from tests.statuspage.conftest import MFANO_PESA
from tests.subscribers import news

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 1280)
Look = tuple[Literal["light", "dark"], int]
ENGLISH: list[Look] = [("light", 360)]
KISWAHILI: list[Look] = [("dark", 1280)]
if os.environ.get("TEST_AXE") == "full":
    ENGLISH = KISWAHILI = list(product(("light", "dark"), (320, 360, 768, 1280)))
HTML = "text/html; charset=utf-8"
STANDING = ["/history", "/uptime", "/answers", "/definitions", "/accessibility", "/privacy", "/record", "/poster", "/subscribe"]


def add_to_site() -> list[str]:
    """Every kind of page, with everything on it that can be: statement, answer, review, redress, what was taken back."""
    now = timezone.now()
    going_on = Incident.objects.get()
    rows.statement(going_on, at=now)
    rows.withdrawal(rows.statement(going_on, "money", at=now), at=now)
    rows.redress(going_on, at=now)
    double = rows.publish(at=now, affected={Component.objects.get(code="stk-push"): "partial_outage"}).incident
    merging.merge(incident=double, into=going_on, actor=UserFactory(), now=now)
    answer = rows.rebuttal(incident=going_on, at=now)
    rows.rebuttal(before=answer, incident=going_on, at=now)
    part = rows.component("payouts")
    over = rows.publish(at=now - timedelta(days=3), affected={part: "major_outage"}).incident
    rows.publish(incident=over, at=now - timedelta(days=2), status=IncidentStatus.RESOLVED, affected={part: "operational"})
    rows.review(over, at=now)
    rows.review(over, at=now)
    hour = (now - NOON) / plans.HOUR
    work = plans.announced({part: "under_maintenance"}, now=hour, start=hour + 100, end=hour + 103)
    snapshot.refresh(now=timezone.now(), force=True)
    inner = [f"/incidents/{one.public_id}" for one in (going_on, double, over)] + [f"/incidents/{over.public_id}/review"]
    inner += ["/components/stk-push", f"/history/{now:%Y-%m}", "/answers/a-technical-fault-delays-payments"]
    inner += [f"/maintenance/{work.public_id}", "/answers/none-of-this-name"]
    every = ["/", *inner, *STANDING, "/embed/frame"]
    return [*every, *("/sw" + path for path in every)]


@pytest.mark.timeout(1800)
def test_axe_finds_nothing_and_every_page_fits_with_everything_unfolded(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url)
    bring_axe(context)
    page = context.new_page()
    page.clock.set_fixed_time(site.made_at)  # a copy that has become old says something else
    page.route("**/incidents/*", stay)
    found = []
    for path in site.paths:
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append((path, width, "it does not fit", ""))
        for theme, width in KISWAHILI if path.startswith("/sw") else ENGLISH:
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 800})
            found += [(path, width, *violation) for violation in violations(page)]
    context.close()
    assert found == []


@pytest.mark.urls("statuspage.public.urls")  # without the desk, which takes seconds to load
def test_axe_finds_nothing_on_pages_for_one_reader_and_on_the_front_page_green_and_stale(browser: Browser, settings: Any) -> None:
    """Which no snapshot of a moment has, or none at all."""
    for name, value in MFANO_PESA.items():
        setattr(settings, name, value)
    news.set_up(settings)
    settings.STATIC_ROOT, settings.SMS_KEY = settings.BASE_DIR, "a key"
    rows.component()
    pages = pages_of_one_moment()
    context = browser.new_context(base_url=MFANO_PESA["BASE_URL"])
    bring_axe(context)
    page = context.new_page()
    page.clock.set_fixed_time(NOON)
    page.route("**/*", lambda route: route.fulfill(body=pages[unquote(urlsplit(route.request.url).path[1:])], content_type=HTML))
    found = []
    for name, html in pages.items():
        page.goto(f"/{quote(name, safe='')}")
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        for theme, width in KISWAHILI if '<html lang="sw"' in html.decode() else ENGLISH:
            page.set_viewport_size({"width": 320, "height": 800})
            if page.evaluate("document.documentElement.scrollWidth") > 320:
                found.append((name, 320, "it does not fit", ""))
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 800})
            found += [(name, width, *violation) for violation in violations(page)]
    context.close()
    assert found == []


def pages_of_one_moment() -> dict[str, bytes]:
    now = build_now(NOON)
    pages = {
        f"green {name}": html for name, html in building.about_now(now, building.FRESH).items() if name.endswith("index.html")
    }
    pages |= {
        f"stale {name}": html for name, html in building.about_now(now, building.STALE).items() if name.endswith("index.html")
    }
    ours, stranger = Client(headers={"Sec-Fetch-Site": "same-origin"}), Client()
    for language, prefix in (("en", ""), ("sw", "/sw")):
        asha, form = news.reader(f"asha-{language}@customer.example", language), {"language": language}
        pending = news.ask(f"brian-{language}@customer.example", language, now=timezone.now())
        token = links.token_for(asha, links.MANAGE)
        answers = {
            "subscribe_done": ours.post("/subscribe", {**form, "email": "new@customer.example"}),
            "mistyped": ours.post("/subscribe", {**form, "email": "new@"}),
            "code of an SMS": ours.post("/subscribe", {**form, "channel": "sms", "address": "+254711000111"}),
            "refused": stranger.post("/subscribe", {**form, "email": "new@customer.example"}),
            "confirm": ours.get(f"{prefix}/confirm/{links.confirm_token(pending)}"),
            "manage": ours.get(f"{prefix}/manage/{token}"),
            "unsubscribe": ours.get(f"{prefix}/u/{links.token_for(asha, links.UNSUBSCRIBE)}"),
        }
        pages |= {f"{name} {language}": answer.content for name, answer in answers.items()}
        assert [answer.status_code for answer in answers.values()] == [200, 400, 200, 403, 200, 200, 200]
    return pages


def stay(route: Route) -> None:
    """A merged problem's page without what leads on from it."""
    answer = route.fetch()
    route.fulfill(response=answer, body=re.sub('<meta http-equiv="refresh".*?>', "", answer.text()))


def bring_axe(context: BrowserContext) -> None:
    """Into every page that is opened from now on, past its policy, and into no frame of it; half a megabyte is sent once."""
    context.add_init_script(f"if (window === window.top) {{{AXE}}}")


def violations(page: Page) -> list[tuple[str, str]]:
    """(rule, the first element that breaks it)"""
    said: list[dict[str, Any]] = page.evaluate(
        "async tags => (await axe.run(document, {runOnly: tags, resultTypes: ['violations']})).violations"
        ".map(one => ({rule: one.id, where: one.nodes[0].html.slice(0, 160)}))",
        RULES,
    )
    return [(one["rule"], one["where"]) for one in said]


def test_without_its_sheet_the_front_page_reads_in_order(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url)
    page = context.new_page()
    page.clock.set_fixed_time(site.made_at)
    page.goto("/")
    page.evaluate("document.querySelectorAll('style').forEach(one => one.remove())")
    said = page.locator("body").inner_text()
    context.close()
    order = ["not working for some people", "What to do", "Next update", "Checked", "Happening now", "Our answer", "All services"]
    order += ["Planned work", "Past problems", "Get updates", "Help"]
    places = [said.index(words) for words in order]
    assert places == sorted(places)


# What Opera Mini and old KaiOS do not know: queries of a theme, of forced colours, of motion; scripts; `details`.
STRIP = """() => {
  const sheet = document.querySelector('style');
  sheet.textContent = sheet.textContent.replace(/@media\\((?!min-width)[^{]*\\{(?:[^{}]*\\{[^}]*\\})*\\}/g, '');
  document.querySelectorAll('script, link').forEach(one => one.remove());
  document.querySelectorAll('details').forEach(one => {
    const plain = document.createElement('div');
    plain.append(...one.childNodes);
    one.replaceWith(plain);
  });
  return sheet.textContent;
}"""


@pytest.mark.parametrize("path", ["/", "/sw/"])
def test_what_an_old_browser_leaves_of_the_front_page_reads_and_fits(browser: Browser, site: Site, path: str) -> None:
    context = browser.new_context(base_url=site.url, bypass_csp=True, viewport={"width": 240, "height": 320})
    page = context.new_page()
    page.clock.set_fixed_time(site.made_at)
    page.goto(path)
    sheet = page.evaluate(STRIP)
    widths, table = page.evaluate("document.documentElement.scrollWidth"), page.locator("table").first.is_visible()
    seen = page.locator("h1").is_visible(), page.locator(".st").first.is_visible(), table
    context.close()
    assert not re.search(r"var\(|display:grid|@import|prefers-color-scheme", sheet)
    assert widths <= 240
    assert seen == (True, True, True)


def test_on_paper_the_words_stay_and_the_buttons_go(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.url)
    page = context.new_page()
    page.goto("/answers/a-technical-fault-delays-payments")
    page.emulate_media(media="print")
    shown = page.locator("h1").is_visible(), page.locator("nav").is_visible(), page.locator(".bt").first.is_visible()
    page.goto("/")
    folded = page.locator("main details:not([open])").evaluate_all(
        "all => all.map(one => one.lastElementChild.checkVisibility())"
    )
    link = page.locator("#now h3 a")
    target = link.evaluate("one => getComputedStyle(one, '::after').content")
    leads_to = link.get_attribute("href")
    sheets = page.pdf(format="A4")
    context.close()
    assert shown == (True, False, False)
    assert folded
    assert all(folded), "what is folded on a screen is read on paper"
    assert target == f'" ({leads_to})"'
    assert sheets.startswith(b"%PDF-")
