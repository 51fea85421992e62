"""The public page in a real browser: narrow and wide, light and dark, both languages, with and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
import requests
from playwright.sync_api import Browser, Page

from tests import servers
from tests.browser.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Page]
SENTENCE = {"/": "not working for some people", "/sw/": "haipatikani kwa baadhi ya wateja"}
CANNOT_CONFIRM = "We can’t confirm right now"


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Open]:
    """Open a path in a context of its own; `page.context` knows every request and console message."""
    contexts = []

    def opened(path: str, *, width: int = 360, theme: Literal["light", "dark"] = "light", script: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 640}, color_scheme=theme, java_script_enabled=script, base_url=site.url
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


WIDTHS = [320, 360, 1280]
# What reaches beyond the window's right edge.
TOO_WIDE = """(all, width) => all.filter(e => e.getClientRects().length && e.getBoundingClientRect().right > width + 1
    && !e.closest('.hp, .skip')).map(e => e.outerHTML.slice(0, 90))"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/sw/"])
def test_the_page_reads_without_javascript_and_without_scrolling_sideways(
    open_page: Open, path: str, theme: Literal["light", "dark"]
) -> None:
    page = open_page(path, theme=theme, script=False)
    assert page.locator("html").get_attribute("data-freshness") == "fresh"
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 640})
        assert SENTENCE[path] in page.locator("h1").inner_text(), width
        wide = page.locator("main h1, main h2, main li, main p, main dd, main svg, footer p").evaluate_all(TOO_WIDE, width)
        assert wide == [], width


PAGES = ["/components/stk-push", "/history", "/uptime", "/definitions", "/accessibility", "/privacy", "/record", "/poster"]
PAGES += ["/subscribe", "/sw/components/stk-push", "/sw/uptime", "/sw/record", "/nothing/here"]


def test_every_other_page_fits_too_and_has_one_heading(open_page: Open, site: Site) -> None:
    page = open_page("/", script=False)
    for path in [*PAGES, f"/incidents/{site.incident}", f"/sw/incidents/{site.incident}"]:
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 640})
            assert page.locator("main *").evaluate_all(TOO_WIDE, width) == [], (path, width)
        assert page.locator("main").count() == 1, path


def test_everything_is_reached_by_keyboard_and_names_itself(open_page: Open) -> None:
    page = open_page("/", script=False)
    names = page.locator("a, summary, button, input").evaluate_all("all => all.map(e => e.innerText || e.ariaLabel || e.name)")
    assert all(names)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_at_twice_the_text_size_nothing_is_cut_off(open_page: Open) -> None:
    page = open_page("/", width=320, script=False)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.locator("main p, main dd, main h1, main h2, main h3, main li").evaluate_all(TOO_WIDE, 320) == []
    for path in ("/uptime", "/history", "/definitions", "/subscribe"):
        page.goto(path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


@pytest.mark.parametrize("path", ["/", "/sw/"])
def test_state_action_and_promise_are_seen_on_a_phone_without_scrolling(open_page: Open, path: str) -> None:
    page = open_page(path, script=False)
    for words in page.locator(".hd h1"), page.locator(".hd .f > div").nth(0), page.locator(".hd .f > div").nth(1):
        box = words.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 640, words.inner_text()


def test_one_request_shows_the_page_and_the_browser_has_nothing_to_complain_of(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[Any] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{site.url}/")
    page.wait_for_load_state("networkidle")
    own = [url for url in asked if not url.startswith("data:")]
    cookies = context.cookies()
    context.close()
    assert own == [f"{site.url}/"]
    assert said == []
    assert cookies == []


def test_a_service_s_page_that_lies_open_stops_saying_how_it_is(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install(time=site.made_at)
    page.goto(f"{site.url}/components/stk-push")
    before = page.locator("h1").inner_text()
    page.clock.fast_forward("02:00")
    after = page.locator("h1").inner_text()
    context.close()
    assert "can’t confirm" in after != before


@pytest.mark.parametrize("path", ["/", "/sw/"])
def test_a_copy_older_than_ninety_seconds_stops_saying_that_it_works(browser: Browser, site: Site, path: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install(time=site.made_at)
    page.goto(site.url + path)
    before = page.locator("h1").inner_text()
    page.clock.fast_forward("01:00")
    assert page.locator("h1").inner_text() == before
    page.clock.fast_forward("00:40")
    after = page.locator("h1").inner_text()
    above = page.locator(".was a").all_inner_texts()
    context.close()
    assert after != before
    assert len(above) == 1, "the one open problem, and no empty link beside it"
    if path == "/":
        assert after == CANNOT_CONFIRM


def test_a_form_of_ours_and_the_one_shown_again_are_taken_as_ours(open_page: Open, site: Site) -> None:
    """This app has no tables: what it takes it cannot keep, and says so."""
    page = open_page(f"/incidents/{site.incident}", script=False)
    for _ in range(2):
        page.locator("#em").fill("asha@customer.example")
        page.locator("form:has(#em) button").click()
        assert page.locator("#eme").inner_text() == "We cannot take this right now. Please try again in a few minutes."


def test_the_incident_page_tells_the_story(open_page: Open, site: Site) -> None:
    page = open_page(f"/sw/incidents/{site.incident}", script=False)
    assert "tangu" in page.locator("main").inner_text()
    assert page.locator("html").get_attribute("lang") == "sw"
    page.get_by_role("link", name="English").first.click()
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_widget_of_statuspage_says_what_our_page_says(browser: Browser, site: Site) -> None:
    """`<statuspage-widget>` from npm, on a page of another origin."""
    script = servers.npm_package("@statuspage", "status-widget", "dist", "index.js")
    said = requests.get(f"{site.url}/api/v2/status.json", timeout=5).json()["status"]["description"]
    page = browser.new_page()
    page.set_content(f'<statuspage-widget src="{site.url}"></statuspage-widget>')
    page.add_script_tag(path=script)
    page.wait_for_function("said => document.querySelector('statuspage-widget').shadowRoot?.textContent.includes(said)", arg=said)
    page.close()


@pytest.mark.parametrize(("language", "frame"), [("", ""), ("en", ""), ("sw", "/sw"), ("xx", "")])
def test_the_script_for_other_sites_shows_the_frame_in_every_language(
    browser: Browser, site: Site, language: str, frame: str
) -> None:
    """On a page of another origin, whatever language it asks for: one that is not there has no frame."""
    page = browser.new_page()
    page.set_content(f'<body><script src="{site.url}/embed/script.js" data-language="{language}"></script>')
    shown = page.wait_for_selector("iframe", timeout=5000)
    assert shown
    assert shown.get_attribute("src") == f"{site.url}{frame}/embed/frame"
    assert requests.get(f"{site.url}{frame}/embed/frame", timeout=5).status_code == 200
    page.close()
