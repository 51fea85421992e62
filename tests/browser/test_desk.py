"""The desk in a real browser: who presses what, what is public then, and what nobody loses.

One app and one browser for all of it; each test has a service of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from incidents import documents, drafts, signing, timeline
from incidents.languages import by_language, in_all
from incidents.models import Announcement, AuditEvent, IncidentUpdate
from probes.models import Result
from statuspage import publishing, snapshot
from statuspage.roles import APPROVER, AUTHOR
from subscribers.models import Notification
from tests.browser.desk_server import PASSWORD, officer, running, seat, sign_in_by_form
from tests.browser.test_accessibility import bring_axe, violations
from tests.factories import ComponentFactory, ProbeScheduleFactory
from tests.incidents.helpers import all_notices

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 860}
PICTURES = Path(__file__).resolve().parent.parent.parent / "docs" / "screenshots"
Open = Callable[..., Page]
expect.set_options(timeout=45_000)  # a busy machine


@dataclass
class Desk:
    url: str
    author: User
    approver: User
    other: User


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("desk")
    with running(folder / "snapshot", folder / "web.log") as url:
        yield url, folder / "snapshot"


@pytest.fixture
def desk(server: tuple[str, Path], transactional_db: None, settings: Any) -> Desk:
    url, settings.SNAPSHOT_DIR = server
    return make_rows(url)


def make_rows(url: str) -> Desk:
    all_notices()
    author, other = officer(AUTHOR, "amina", first_name="Amina"), officer(AUTHOR, "brian", first_name="Brian")
    author.user_permissions.add(Permission.objects.get(codename="break_glass"))
    return Desk(url, author, officer(APPROVER, "achieng", first_name="Achieng"), other)


@pytest.fixture
def open_as(browser: Browser, desk: Desk) -> Iterator[Open]:
    contexts = []

    def opened(user: User | None, path: str = "/admin/", **options: Any) -> Page:
        context = browser.new_context(base_url=desk.url, **{"viewport": DESK, **options})
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = seat(context, user, desk.url) if user else context.new_page()
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


def trouble(code: str, name: str, status: str = "partial_outage") -> IncidentUpdate:
    """A service that probes find failing, with an hour of outcomes; the draft they leave."""
    component = ComponentFactory(code=code, name=in_all({"en": name, "sw": f"{name} (sw)"}))
    now = timezone.now()
    row = ProbeScheduleFactory(probe__component=component, probe__code=f"{code}-probe")
    first = int(now.timestamp()) // 60 * 60
    Result.objects.bulk_create(
        Result(
            probe=row.probe, vantage=row.vantage, slot=first - 60 * ago, status="down" if ago < 8 else "ok",
            total_us=900_000 if ago < 8 else 120_000, started_at=now, received_at=now,
        )
        for ago in range(55)
    )  # fmt: skip
    evidence = {
        "probes": [
            {"probe": f"{code}-probe", "vantage": where, "says": says, "saw": "500.003.02: System is busy", "took_ms": 900}
            for where, says in (("nairobi", status), ("mombasa", status), ("kisumu", "operational"))
        ],
        "verdicts": [{"probe": f"{code}-probe", "says": status, "rule": "agreement", "agree": 2, "of": 3}],
    }
    timeline.observe(component=component, status=status, since=now - timedelta(minutes=3), now=now, evidence=evidence)
    snapshot.rebuild_all(now=timezone.now())
    snapshot.extend_freshness(now=timezone.now())
    return IncidentUpdate.objects.drafts().get(affected__component=component)


def at(update: IncidentUpdate, act: str = "change") -> str:
    return f"/admin/incidents/incidentupdate/{update.pk}/{act}/"


def public(desk: Desk, path: str = "/") -> str:
    return requests.get(f"{desk.url}{path}", timeout=10).text


def write(page: Page, english: str, kiswahili: str) -> None:
    page.locator("#body_en").fill(english)
    page.locator("#body_sw").fill(kiswahili)


def write_and_ask(page: Page, update: IncidentUpdate, english: str = "A link is cut. Wait for your SMS.") -> None:
    page.goto(f"{at(update)}?words=1")
    write(page, english, "Kiungo kimekatika. Subiri SMS.")
    page.get_by_role("button", name="Ask for signature").click()
    page.wait_for_url("**/sign/")


def test_from_evidence_to_a_published_signed_notice_in_two_clicks(desk: Desk, open_as: Open) -> None:
    update = trouble("till", "Till payments")
    page = open_as(desk.author)
    page.locator(".d-card", has_text="Till payments").get_by_role("link", name="Draft update").click()
    expect(page.get_by_text("You can publish alone.")).to_be_visible()
    page.get_by_role("button", name="Publish now").click(delay=300)  # a finger rests longer than the network takes to answer
    expect(page.get_by_role("heading", name="The page says it")).to_be_focused()
    for path, words in (("/", "Till payments: down since"), ("/sw/", "Till payments (sw): down tangu")):
        assert words in public(desk, path)
    page.go_back()
    assert IncidentUpdate.objects.filter(incident=update.incident, publication="published").count() == 1


def test_free_text_takes_an_author_three_clicks_and_an_approver_one_on_a_phone(desk: Desk, open_as: Open) -> None:
    update = trouble("airtime", "Airtime")
    page = open_as(desk.author)
    page.locator(".d-card", has_text="Airtime").get_by_role("link", name="Draft update").click()
    page.get_by_role("link", name="Change the words").click()
    write(page, "The node is slow since 16:55. Wait for your SMS.", "Huduma ni polepole tangu 16:55. Subiri SMS.")
    expect(page.get_by_label("Advice on the words")).to_contain_text("“node”")  # kept and judged while one types
    expect(page.locator("[data-sms-of=body_en]")).to_contain_text("of 160")
    page.get_by_role("button", name="Ask for signature").click()
    expect(page.get_by_text("It waits for an approver")).to_be_visible()
    link = page.url.removeprefix(desk.url)

    phone = open_as(None, link, viewport=PHONE)  # as the mail leads to it
    sign_in_by_form(phone, "achieng")
    expect(phone.get_by_role("heading", name="Sign: Airtime")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    phone.get_by_role("button", name="Sign and publish").click()
    expect(phone.get_by_role("heading", name="The page says it")).to_be_visible()
    for path, words in (("/", "The node is slow since 16:55."), ("/sw/", "Huduma ni polepole tangu 16:55.")):
        assert words in public(desk, path)
    update.refresh_from_db()
    assert (str(update.author), str(update.signed_by)) == ("amina", "achieng")


def test_no_approver_answers_break_glass_publishes_alone_and_a_signature_is_owed(desk: Desk, open_as: Open) -> None:
    """Row “No approver answers” of the edge cases."""
    update = trouble("paybill", "PayBill")
    page = open_as(desk.author, f"{at(update)}?words=1")
    write(page, "A bank link is cut. Wait for your SMS.", "Kiungo cha benki kimekatika. Subiri SMS.")
    page.get_by_text("No approver answers: break glass").click()
    page.get_by_label("Why can this not wait?").fill("Nobody answers since 16:00.")
    page.get_by_role("button", name="Break glass and publish").click()
    expect(page.get_by_text("It went out without a second person.")).to_be_visible()
    assert AuditEvent.objects.get(act="update.break_glass", target=update.public_id).details == {
        "reason": "Nobody answers since 16:00."
    }
    approver = open_as(desk.approver)
    approver.locator("[data-key^=owed-]").get_by_role("link", name="Read and sign").click()
    approver.get_by_role("button", name="Sign afterwards").click()
    expect(approver.get_by_text("Signed afterwards. The record says so.")).to_be_visible()


def test_two_officers_at_once_see_each_other_with_the_difference_and_lose_nothing(desk: Desk, open_as: Open) -> None:
    """Row “Two officers at once”: another update of the incident went out while this one was written."""
    first = trouble("tokens", "Tokens")
    publishing.publish_update(update_id=first.pk, actor=desk.other, now=timezone.now())
    states = {item.component: item.new_status for item in first.affected.all()}
    common: dict[str, Any] = {
        "incident": first.incident,
        "affected": states,
        "next_update_by": timezone.now() + timedelta(hours=1),
    }
    mine = drafts.add_update(**common, status="identified", body={}, author=desk.author, now=timezone.now())
    page = open_as(desk.author, at(mine))
    write(page, "Mine: a link is cut.", "Yangu: kiungo kimekatika.")
    said = {"en": "Theirs: a link is cut.", "sw": "Yake: kiungo kimekatika."}
    theirs = drafts.add_update(**common, status="identified", body=said, author=desk.other, now=timezone.now())
    signing.sign(item=theirs, signer=desk.approver, now=timezone.now())
    publishing.publish_update(update_id=theirs.pk, actor=desk.other, now=timezone.now())
    page.get_by_role("button", name="Ask for signature").click()
    expect(page.get_by_role("alert").filter(has_text="Brian posted at")).to_be_visible()
    expect(page.locator("ins", has_text="Mine:")).to_be_visible()
    expect(page.locator("#body_en")).to_have_value("Mine: a link is cut.")
    page.get_by_role("button", name="Ask for signature").click()
    page.wait_for_url("**/sign/")
    mine.refresh_from_db()
    assert by_language(mine.body)["sw"] == "Yangu: kiungo kimekatika."


def test_a_lost_network_and_a_lapsed_session_lose_no_word_and_post_once(desk: Desk, open_as: Open) -> None:
    """Rows “Double click, lost network” and “Session ends while typing”."""
    update = trouble("bank", "Bank transfers")
    page = open_as(desk.author, f"{at(update)}?words=1")
    write(page, "A cable is cut. Wait for your SMS.", "Kebo imekatika. Subiri SMS.")
    page.context.set_offline(True)
    page.get_by_role("button", name="Save draft").last.click()
    expect(page.get_by_text("We don’t know if it went out")).to_be_visible()
    page.context.set_offline(False)
    cookies = page.context.cookies()
    page.context.clear_cookies()
    page.context.add_cookies([one for one in cookies if "session" not in one["name"]])  # type: ignore[misc]
    page.get_by_role("button", name="Ask for signature").click()
    sign_in_by_form(page, "amina")
    expect(page.get_by_text("Welcome back.").locator("visible=true")).to_be_visible()
    expect(page.locator("#body_en")).to_have_value("A cable is cut. Wait for your SMS.")
    page.get_by_role("button", name="Ask for signature").dblclick()
    page.wait_for_url("**/sign/")
    assert AuditEvent.objects.filter(act="update.request_signature", target=update.public_id).count() == 1


def test_who_loses_their_role_while_typing_is_refused_and_loses_no_word(desk: Desk, open_as: Open) -> None:
    update = trouble("loans", "Loans")
    page = open_as(desk.author, f"{at(update)}?words=1")
    write(page, "A cable is cut. Wait for your SMS.", "Kebo imekatika. Subiri SMS.")
    groups = list(desk.author.groups.all())
    desk.author.groups.clear()
    page.get_by_role("button", name="Ask for signature").click()
    expect(page.get_by_text("What you typed is kept in this window")).to_be_visible()
    desk.author.groups.set(groups)
    page.goto(f"{at(update)}?words=1")
    expect(page.locator("#body_en")).to_have_value("A cable is cut. Wait for your SMS.")
    update.refresh_from_db()
    assert update.signature_requested_at is None


def test_everything_from_login_to_publish_is_done_by_keyboard(desk: Desk, open_as: Open) -> None:
    update = trouble("ussd", "USSD menu", "major_outage")
    page = open_as(None, "/admin/")
    page.locator("#id_login").focus()
    page.keyboard.type("amina")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".d-card")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "d-skip"
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if "USSD menu" in page.evaluate("document.activeElement.innerText"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{at(update)}")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="The page says it")).to_be_visible()
    assert outline == "solid"


@pytest.mark.parametrize("with_script", [True, False])
def test_an_announcement_goes_out_in_a_minute_and_is_stopped_by_one_press(desk: Desk, open_as: Open, with_script: bool) -> None:
    snapshot.rebuild_all(now=timezone.now())
    now, words = timezone.now(), in_all({"en": "Beware of callers", "sw": "Jihadharini"})
    news = Announcement(title=words, body=words, starts_at=now, deliver_notifications=True)
    documents.add(document=news, author=desk.other, now=now)
    signing.sign(item=news, signer=desk.approver, now=now)
    page = open_as(desk.author, f"/admin/incidents/announcement/{news.pk}/change/", java_script_enabled=with_script)
    page.get_by_role("button", name="Publish now").click()
    expect(page.get_by_role("heading", name="until subscribers are told")).to_be_visible()
    assert "Beware of callers" in public(desk)
    if with_script:
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
    else:
        page.get_by_role("button", name="Stop sending").click()
    expect(page.get_by_text("Sending was stopped")).to_be_visible()
    notification = Notification.objects.get(kind="announcement")
    assert notification.stopped_at
    assert page.url.endswith(f"/admin/subscribers/notification/{notification.pk}/change/")
    assert "Beware of callers" in public(desk)


def test_the_dashboard_refreshes_without_taking_the_focus_or_what_is_open(desk: Desk, open_as: Open) -> None:
    trouble("agent", "Agents")
    page = open_as(desk.author)
    card = page.locator(".d-card", has_text="Agents")
    card.locator("summary").first.click()
    card.get_by_role("link", name="Draft update").focus()
    page.evaluate("window.scrollTo(0, 0)")
    waiting = trouble("card", "Cards")
    drafts.edit_update(update=waiting, actor=desk.other, now=timezone.now(), body={"en": "Mine.", "sw": "Yangu."})
    signing.request(item=waiting, actor=desk.other, now=timezone.now())
    expect(page.locator(f"[data-key=sign-{waiting.pk}]")).to_be_visible(timeout=15_000)
    assert "Agents" in page.evaluate("document.activeElement.innerText")
    assert card.locator("details[open]").count() == 1


Theme = Literal["light", "dark"]
SEEN: list[tuple[Theme, int]] = [("light", 390), ("dark", 1280)]
FULL = os.environ.get("TEST_AXE") == "full"
if FULL:
    SEEN = list(product(("light", "dark"), (390, 1280)))


def desk_pages(desk: Desk) -> list[tuple[str, str, User | None]]:
    """(name, path, who sees it), the same person's pages together."""
    signed, changed, said = (
        trouble(code, name) for code, name in (("send", "Send money"), ("buy", "Buy goods"), ("pull", "Pull"))
    )
    publishing.publish_update(update_id=said.pk, actor=desk.other, now=timezone.now())
    drafts.edit_update(
        update=changed,
        actor=desk.other,
        now=timezone.now(),
        body={"en": "A link is cut since 16:55. Wait for your SMS.", "sw": "Kiungo kimekatika tangu 16:55. Subiri SMS."},
    )
    signing.request(item=changed, actor=desk.other, now=timezone.now())
    pages: list[tuple[str, str, User | None]] = [
        ("login", "/accounts/login/", None),
        ("dashboard", "/admin/", desk.author),
        ("composer", at(signed), desk.author),
        ("composer-changed", f"{at(changed)}?words=1", desk.author),
        ("sign", at(changed, "sign"), desk.approver),
        ("after", at(said, "after"), desk.approver),
        ("incidents", "/admin/incidents/incident/", desk.approver),
    ]
    if FULL:
        pages += [("updates", "/admin/incidents/incidentupdate/", desk.approver)]
        pages += [("audit", "/admin/incidents/auditevent/", desk.approver)]
        pages += [("incident", f"/admin/incidents/incident/{said.incident_id}/change/", desk.author)]
    return pages


def walk(browser: Browser, desk: Desk, theme: Theme, width: int, look: Callable[[str, Page], None]) -> None:
    context = browser.new_context(base_url=desk.url, viewport={"width": width, "height": 860}, color_scheme=theme)
    bring_axe(context)
    context.set_default_timeout(60_000)
    page, seated = context.new_page(), None
    for name, path, user in desk_pages(desk):
        if user and user != seated:
            page.close()
            page, seated = seat(context, user, desk.url), user
        page.goto(path)
        look(name, page)
    context.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("theme", "width"), SEEN)
def test_axe_finds_nothing_on_any_desk_page_and_each_fits(browser: Browser, desk: Desk, theme: Theme, width: int) -> None:
    found: list[Any] = []

    def look(name: str, page: Page) -> None:
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append((name, "wider than the window"))
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        found.extend((name, *violation) for violation in violations(page))

    walk(browser, desk, theme, width, look)
    assert found == []


@pytest.mark.timeout(900)
@pytest.mark.skipif(not os.environ.get("TEST_PICTURES"), reason="TEST_PICTURES=1 takes the pictures of docs/screenshots anew")
def test_pictures(browser: Browser, desk: Desk) -> None:
    """Light and dark, on a phone and wide."""
    both: tuple[Theme, Theme] = ("light", "dark")
    for number, (theme, width) in enumerate(product(both, (390, 1280))):

        def look(name: str, page: Page, theme: str = theme, width: int = width) -> None:
            page.evaluate("document.fonts.ready")
            if name != "incidents":
                page.screenshot(path=PICTURES / f"desk-{name}-{width}-{theme}.png", full_page=name == "dashboard")

        if number:
            call_command("flush", interactive=False, verbosity=0)
            desk = make_rows(desk.url)
        walk(browser, desk, theme, width, look)
        assert (PICTURES / f"desk-sign-{width}-{theme}.png").exists()
