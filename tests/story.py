"""The main job as acts that tests put together: the gateway fails, the page says so, a person publishes, subscribers hear."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage
from typing import Any

import feedparser
import requests

from tests.copies import RunningCopy, wait_for

STK_QUERY = "/mpesa/stkpushquery*"
PAGE_WORD = {"en": "Not working for some", "sw": "Haipatikani kwa baadhi ya wateja"}


class Inbox:
    """What the mail server took, read as a mail program would."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def mails_to(self, address: str) -> list[EmailMessage]:
        found = []
        for recipients, raw in list(self._sink.messages):
            if address in recipients:
                message = email.message_from_bytes(raw, policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                found.append(message)
        return found

    def news_to(self, address: str) -> dict[str, EmailMessage]:
        """Mails about incidents by Message-ID: what came twice counts once."""
        return {str(mail["Message-ID"]): mail for mail in self.mails_to(address) if mail["List-Unsubscribe"]}


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def subscribe(copy: RunningCopy, inbox: Inbox, address: str, language: str) -> None:
    """Ask on the page, follow the link in the mail, press the button."""
    form = {"email": address, "language": language}
    answer = requests.post(f"{copy.url}/subscribe", data=form, headers={"Origin": copy.url}, timeout=10)
    assert answer.status_code == 200, answer.text
    [mail] = wait_for("the confirmation mail", lambda: inbox.mails_to(address))
    link = re.search(rf"{re.escape(copy.url)}/\S*confirm/[^\s<>\"]+", text_of(mail))
    assert link, text_of(mail)
    assert requests.get(link.group(), timeout=10).status_code == 200
    assert requests.post(link.group(), timeout=10).status_code == 200


class Desk:
    """A member of staff at the desk, through real forms."""

    def __init__(self, copy: RunningCopy, username: str) -> None:
        self.url = f"{copy.url}/admin/"
        self.session = requests.Session()
        page = self.get("../accounts/login/")
        self.post("../accounts/login/", page, {"login": username, "password": copy.setting("HALI_DEMO_PASSWORD")})
        assert any(name.startswith("hali_session") for name in self.session.cookies.keys()), "sign-in failed"  # noqa: SIM118

    def get(self, path: str) -> str:
        answer = self.session.get(self.url + path, timeout=15)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.text

    def post(self, path: str, page: str, data: dict[str, str]) -> requests.Response:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, "no form on the page"
        return self.session.post(
            self.url + path, data={"csrfmiddlewaretoken": token.group(1), **data}, headers={"Referer": self.url}, timeout=30
        )

    def waiting_drafts(self) -> list[str]:
        """Ids of updates that wait, from the list of drafts."""
        page = self.get("incidents/incidentupdate/?publication__exact=draft")
        return sorted(set(re.findall(r"/admin/incidents/incidentupdate/(\d+)/", page)))

    def publish(self, update: str) -> requests.Response:
        path = f"incidents/incidentupdate/{update}/publish/"
        return self.post(path, self.get(path), {})


def publish_notice(copy: RunningCopy, notice: str, *, seconds: float = 60) -> None:
    """Publish a pre-signed notice about STK push from the command line, as soon as the gates let it."""

    def ask() -> bool:
        answer = copy.manage("publish_notice", "stk-push", notice)
        assert answer.returncode in (0, 1), answer.stderr
        return answer.returncode == 0

    wait_for(f"the notice {notice} can go out", ask, seconds=seconds)


def see_trouble(copy: RunningCopy) -> None:
    wait_for("STK push is partly out in the JSON", lambda: copy.component("STK push") == "partial_outage", seconds=40)
    wait_for("the page says so", lambda: PAGE_WORD["en"] in copy.page("/"))
    wait_for("the Kiswahili page says so", lambda: PAGE_WORD["sw"] in copy.page("/sw/"))


def feed_entries(copy: RunningCopy, path: str = "/history.atom") -> list[Any]:
    feed = feedparser.parse(requests.get(copy.url + path, timeout=5).content)
    assert not feed.bozo, feed.bozo_exception
    return list(feed.entries)


def open_incident_phase(copy: RunningCopy) -> str:
    incidents = copy.summary().get("incidents", [])
    return str(incidents[0]["status"]) if incidents else ""
