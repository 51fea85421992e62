"""The worker that rings: a browser fetches it from the desk, is pushed to, shows the call, and opens the desk on a click."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page
from pytest_django.live_server_helper import LiveServer

from statuspage.alert_shapes import Alert, push
from statuspage.roles import AUTHOR
from tests.browser.conftest import FLAGS
from tests.browser.desk_server import officer, seat
from tests.copies import wait_for
from tests.factories import NOON
from tests.servers import found

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CHROMIUM = found("chromium")
DESK = "https://desk.example/admin/"
SHOWN = """async () => {
  const [worker] = await navigator.serviceWorker.getRegistrations();
  return (await worker.getNotifications()).map((one) => [one.title, one.body, one.tag, one.data.url, one.requireInteraction]);
}"""
ACTIVE = "async () => (await navigator.serviceWorker.getRegistrations()).some((one) => one.active)"
# A click on what is shown: which addresses it opens, and how many calls are shown after it.
CLICK = """async () => {
  const opened = [];
  self.clients.openWindow = async (url) => { opened.push(url); };
  const [shown] = await self.registration.getNotifications();
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification: shown }));
  return [opened, (await self.registration.getNotifications()).length];
}"""


def call(*, title: str) -> Alert:
    return Alert("sign-1", "sign", "critical", title, "Send money: delayed.", DESK, f"{DESK}ack/", NOON, None, DESK)


def shown(page: Page, title: str) -> list[Any]:
    """What is shown once this is; asked from here, since a page takes any promise it waits for as kept."""
    wait_for(f"“{title}” is shown", lambda: any(one[0] == title for one in page.evaluate(SHOWN)))
    return list(page.evaluate(SHOWN))


def deliver(browser: CDPSession, worker: dict[str, str], alert: Alert) -> None:
    """As the browser's push service does, once the browser has decrypted it."""
    origin = worker["scopeURL"].partition("/static/")[0]
    told = {"origin": origin, "registrationId": worker["registrationId"], "data": json.dumps(push(alert))}
    browser.send("ServiceWorker.deliverPushMessage", told)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium itself is not installed; its shell without windows shows no notification")
def test_a_push_is_shown_replaced_by_a_later_one_and_leads_to_the_desk(
    browser: Browser, live_server: LiveServer, settings: Any
) -> None:
    settings.PUSH_KEY = "A" * 42 + "E"
    url = live_server.url
    chromium = browser.browser_type.launch(executable_path=CHROMIUM, args=FLAGS)
    context = chromium.new_context(base_url=url)
    context.grant_permissions(["notifications"], origin=url)
    page = seat(context, officer(AUTHOR, "amina"), url)
    page.goto("/admin/push/")
    workers: list[dict[str, str]] = []
    devtools = context.new_cdp_session(page)
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: workers.extend(event["registrations"]))
    devtools.send("ServiceWorker.enable")
    page.get_by_role("button", name="Ring on this device").click()
    wait_for("the worker is active", lambda: page.evaluate(ACTIVE))
    deliver(devtools, workers[-1], call(title="A signature is wanted"))
    assert shown(page, "A signature is wanted") == [["A signature is wanted", "Send money: delayed.", "sign-1", DESK, True]]
    deliver(devtools, workers[-1], call(title="A signature is still wanted"))
    assert len(shown(page, "A signature is still wanted")) == 1
    assert context.service_workers[0].evaluate(CLICK) == [[DESK], 0]
    chromium.close()
