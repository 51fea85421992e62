"""axe-core over the desk's own pages of documents and acts: a wide screen by night, then the same page on a phone by day.

`TEST_AXE=full` takes every page, not one of each make; `TEST_AXE=push,freeze` those. `SCREENSHOTS=folder` keeps their pictures.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page

from incidents import claims, deadlines, documents, drafts, linking, rebutting, signing, stating
from incidents.languages import in_all
from incidents.models import Announcement, Component, Correction, Incident, Notice, Review
from incidents.rebuttals import State
from incidents.statements import Level
from probes.models import Result
from statuspage import grounds, publishing
from statuspage.admin.base import ReadOnlyAdmin
from statuspage.admin.site import desk
from statuspage.models import DutyShift, StaffAlert
from statuspage.roles import APPROVER, AUTHOR, DATA_PROTECTION, ENGINEER, FINANCE, SECURITY
from subscribers.models import Delivery, Notification
from tests.browser.test_accessibility import bring_axe, violations
from tests.factories import NOON, ProbeFactory, ProbeScheduleFactory
from tests.incidents import plans
from tests.incidents.helpers import safety_notices
from tests.incidents.test_rebuttals import WHOLE
from tests.statuspage import rows
from tests.statuspage.desk import a_public_incident, page_of, someone
from tests.subscribers.news import reader

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKED_AT = [
    "facts",
    "deadlines",
    "statement",
    "text pack",
    "announcement sign",
    "telling",
    "window",
    "planned",
    "rebuttal",
    "review",
]
LOOKED_AT += ["dutyshift list", "dutyshift add", "staffalert list", "push", "translate", "telling", "look up"]
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
WIDTHS = {"dark": 1280, "light": 390}
BEGIN_ELSEWHERE = ("correction", "redress", "withdrawal", "statement", "rebuttal", "review", "incidentupdate", "group")
ALL_ROLES = (AUTHOR, APPROVER, ENGINEER, SECURITY, DATA_PROTECTION, FINANCE)


def both(english: str, kiswahili: str = "") -> dict[str, str]:
    return {"en": english, "sw": kiswahili or f"Kwa Kiswahili: {english}"}


@pytest.fixture
def pages(settings: Any, tmp_path: Path) -> dict[str, str]:
    """Every page of documents and acts, with much on each: {name: address}."""
    if not SCREENSHOTS:
        (tmp_path / "a-file").touch()
        settings.SNAPSHOT_DIR = tmp_path / "a-file" / "snapshot"  # the public page is not looked at: it need not be written
    settings.PUSH_KEY = "A" * 42 + "E"
    settings.DEADLINE_PROFILES = ["kenya", "pakistan"]
    now, author = timezone.now(), someone(AUTHOR, "wanjiru")
    safety_notices()
    incident = a_public_incident("major_outage", "send-money")
    component = Component.objects.get(code="send-money")
    Component.objects.filter(pk=component.pk).update(name=in_all(both("Send money", "Tuma pesa")))
    component.refresh_from_db()
    return {
        **_of_incident(incident, author, now),
        **_planned(component, author),
        **_claimed(incident, component, author, now),
        **_over(incident, component, author, now),
        "past": "/admin/incidents/incident/past/",
        "notice": page_of(Notice.objects.get(code="down")),
        "announcement new": "/admin/incidents/announcement/add/",
        **_of_the_house(incident, author, now),
        **_lists_and_forms(),
    }


def _of_the_house(incident: Incident, author: Any, now: Any) -> dict[str, str]:
    """Duty, alerts, measuring, sending: a row of each, and the pages that are nobody's list."""
    DutyShift.objects.create(person=author, role="author", starts_at=now, ends_at=now + timedelta(hours=8))
    alert = StaffAlert.objects.create(
        kind="draft", key="draft:x@1", severity="critical", title="Draft opened: Send money", path="/admin/", raised_at=now
    )
    schedule = ProbeScheduleFactory(probe=ProbeFactory(component=Component.objects.all()[0]))
    times = {"started_at": now, "received_at": now}
    Result.objects.create(probe=schedule.probe, vantage=schedule.vantage, slot=1, status="ok", **times)
    subscriber = reader("amina@mail.example")
    notification = Notification.objects.all()[0]
    Delivery.objects.create(notification=notification, subscriber=subscriber, channel="email", due_at=now, wanted_at=now)
    part = incident.updates.published()[0].affected.all()[0].component
    draft = drafts.add_update(
        incident=incident, status="identified", body=both("A link is cut.", ""), affected={part: "major_outage"},
        next_update_by=now + timedelta(hours=1), author=author, now=now,
    )  # fmt: skip
    return {
        "push": "/admin/push/",
        "look up": "/admin/subscribers/subscriber/look-up/",
        "freeze": "/admin/freeze/",
        "acknowledge": f"/admin/statuspage/staffalert/{alert.pk}/acknowledge/",
        "translate": f"/admin/incidents/incidentupdate/{draft.pk}/translate/",
        "pause a probe": f"/admin/probes/probe/{schedule.probe_id}/pause/",
        "report": "/admin/incidents/incident/add/",
        "text packs": "/admin/text-packs/",
        "read": f"/admin/incidents/incidentupdate/{incident.updates.published()[0].pk}/change/",
    }


def _lists_and_forms() -> dict[str, str]:
    """Every list, form and row that the desk has."""
    found = {}
    for model, its in desk._registry.items():
        name, base = str(model._meta.model_name), f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found[f"{name} list"] = base
        if row := model._default_manager.first():
            found[f"{name} row"] = f"{base}{row.pk}/change/"
        if name not in BEGIN_ELSEWHERE and type(its).has_add_permission is not ReadOnlyAdmin.has_add_permission:
            found[f"{name} add"] = f"{base}add/"
    return found


def _of_incident(incident: Incident, author: Any, now: Any) -> dict[str, str]:
    grounds.note(incident=incident, actor=author, now=now, triage="No sign of entry in the access logs")
    statement = stating.draft(incident=incident, level=Level.NO_SIGN, author=author, now=now)
    said = incident.updates.published()[0]
    correction = documents.add(
        document=Correction(update=said, body=in_all(both("Only till payments fail.")), reason=in_all(both("Wrong service."))),
        author=author,
        now=now,
    )
    announcement = Announcement(title=in_all(both("Beware of callers")), body=in_all(both("We never ask for it.")), starts_at=now)
    documents.add(document=announcement, author=author, now=now)
    news = Announcement(
        title=in_all(both("A new number")), body=in_all(both("Call 100.")), starts_at=now, deliver_notifications=True
    )
    documents.add(document=news, author=author, now=now)
    public = signing.sign(item=news, signer=someone(APPROVER), now=now)
    publishing.publish_announcement(announcement=public, actor=author, now=now)
    telling = Notification.objects.get(kind="announcement")
    base = f"/admin/incidents/incident/{incident.pk}"
    return {
        "incident": f"{base}/change/",
        "facts": f"{base}/facts/",
        "deadlines": f"{base}/deadlines/",
        "filing": f"{base}/deadlines/{_a_rule(incident)}/",
        "statement": f"{base}/data-and-funds/",
        "one statement": page_of(statement),
        "correction": page_of(correction),
        "announcement sign": page_of(announcement, "sign"),
        "telling": f"/admin/subscribers/notification/{telling.pk}/change/",
        "text pack": f"/admin/incidents/incidentupdate/{said.pk}/text-pack/",
        "poster": f"/admin/incidents/incidentupdate/{said.pk}/poster/",
    }


def _a_rule(incident: Incident) -> str:
    Incident.objects.filter(pk=incident.pk).update(security_related="yes")
    incident.refresh_from_db()
    return next(one.rule.code for one in deadlines.deadlines_of(incident, now=timezone.now()) if one.rule.draft)


def _planned(component: Component, author: Any) -> dict[str, str]:
    now = (timezone.now() - NOON) / plans.HOUR
    planned = plans.announced({component: "partial_outage"}, start=now + 48, end=now + 50, now=now)
    draft = plans.plan({component: "delayed"}, start=now + 96, end=now + 98, now=now, recurrence="FREQ=WEEKLY", author=author)
    rule = deadlines.deadlines_of_planned(planned, now=timezone.now())[0].rule
    clocks = page_of(planned, "deadlines")
    return {
        "window": page_of(planned),
        "planned": page_of(draft),
        "planned new": "/admin/incidents/maintenanceupdate/add/",
        "planned moved": f"/admin/incidents/maintenanceupdate/add/?moves={planned.pk}",
        "planned clocks": clocks,
        "planned filing": f"{clocks}{rule.code}/",
        "planned correction": f"/admin/incidents/correction/add/?planned={planned.updates.published()[0].pk}",
    }


def _claimed(incident: Incident, component: Component, author: Any, now: Any) -> dict[str, str]:
    claim = claims.log_claim(
        words=WHOLE.claim.quote,
        language="en",
        where="X, WhatsApp",
        first_seen=timezone.localdate(),
        actor=author,
        now=now,
        reach=4_000,
        incident=incident,
    )
    claims.move(claim=claim, to=State.ASSESSING, actor=author, now=now)
    answer = rebutting.draft(claim=claim, answer=WHOLE, author=author, now=now, incident=incident, components=[component])
    return {"claim": page_of(claim), "claim new": "/admin/incidents/claim/add/", "rebuttal": page_of(answer)}


def _over(incident: Incident, component: Component, author: Any, now: Any) -> dict[str, str]:
    over = rows.publish(at=now - timedelta(days=5), affected={component: "major_outage"}).incident
    rows.publish(
        incident=over, at=now - timedelta(days=5) + timedelta(hours=2), status="resolved", affected={component: "operational"}
    )
    words = {name: in_all(both(f"The {name} of it.")) for name in ("cause", "measures", "apology")}
    prevention = [{"what": both("A second queue"), "owner": both("Platform"), "by": "2030-01-31"}]
    review = Review(incident=over, prevention=prevention, **words)
    documents.add(document=review, author=author, now=now)
    linking.link(incident=incident, earlier=over, reason="The same cable.", actor=author, now=now)
    return {"review": page_of(review), "linked": page_of(incident), "leads on": page_of(over)}


def _signed_in(browser: Browser, url: str) -> BrowserContext:
    """Somebody with every role, who wrote nothing."""
    officer = someone(AUTHOR, "otieno", is_superuser=True)
    officer.groups.set(Group.objects.filter(name__in=ALL_ROLES))
    client = Client()
    client.force_login(officer)
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context = browser.new_context(base_url=url)
    bring_axe(context)
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
    return context


@pytest.mark.timeout(3600)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    browser: Browser, live_server: Any, pages: dict[str, str]
) -> None:
    context = _signed_in(browser, live_server.url)
    if not SCREENSHOTS:
        context.route("**/*.woff2", lambda route: route.abort())  # the letters of the theme weigh more than all the rest
    context.set_default_timeout(120_000)
    page = context.new_page()
    found: list[Any] = []
    for name, address in _chosen(pages):
        _as(page, "dark")
        answer = page.goto(address)
        assert answer is not None
        if answer.status != 200:
            found.append((name, "", f"answers {answer.status}", address))
            continue
        if name == "look up":
            page.get_by_label("Address or number, in full").fill("amina@mail.example")
            page.get_by_role("button", name="Look it up").click()
            page.get_by_role("heading", name="We have it").wait_for()
        page.wait_for_selector("html:not([x-cloak])")
        _keep(page, name)
        page.evaluate("document.querySelectorAll('#d-main details').forEach(one => one.open = true)")
        for theme, width in WIDTHS.items():
            _as(page, theme)
            _whole(page, width)  # what a bar lies over at some scroll is reached by scrolling on
            found += [(name, theme, *violation) for violation in violations(page)]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append((name, theme, "wider than the screen", ""))
    context.close()
    assert found == [], "\n".join(map(str, found))


def _chosen(pages: dict[str, str]) -> list[tuple[str, str]]:
    asked = os.environ.get("TEST_AXE", "")
    if asked == "full":
        return list(pages.items())
    return [(name, pages[name]) for name in asked.split(",") if asked] or [(name, pages[name]) for name in LOOKED_AT]


def _as(page: Page, theme: Any, width: int = 0) -> None:
    page.emulate_media(color_scheme=theme)
    page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", theme == "dark")  # the theme looks once
    page.set_viewport_size({"width": width or WIDTHS[theme], "height": 860})


def _whole(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})


def _keep(page: Page, name: str) -> None:
    if not SCREENSHOTS:
        return
    for theme, width in (*WIDTHS.items(), ("light", 1280)):
        _as(page, theme, width)
        _whole(page, width)
        page.screenshot(path=Path(SCREENSHOTS) / f"desk-{name.replace(' ', '-')}-{width}-{theme}.png", full_page=True)
