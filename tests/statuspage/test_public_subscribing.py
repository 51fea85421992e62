"""The small web face, end to end: subscribe, confirm, hear, manage, unsubscribe, as people and mail programs do it."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client

from statuspage import rendering
from statuspage.page import build_incident
from statuspage.snapshot import building
from subscribers import floods, links, outbox, phone_replies, subscriptions
from subscribers.models import Subscriber
from tests.factories import NOON, ComponentFactory
from tests.mail_server import read, text_of
from tests.subscribers.news import publish, reader, set_up

pytestmark = [pytest.mark.django_db, pytest.mark.urls("statuspage.public.urls")]
ASHA = "asha@customer.example"


@pytest.fixture(autouse=True)
def mail(settings: Any, tmp_path: Path) -> Path:
    set_up(settings)
    settings.STATIC_ROOT = tmp_path  # there, if empty
    settings.EMAIL_BACKEND = "subscribers.transports.eml_folder.EmailBackend"
    settings.MAIL_DIR = tmp_path / "mail"
    return tmp_path / "mail"


@pytest.fixture
def web() -> Client:
    """A browser that would be refused if a page asked for a CSRF token, on a page of ours."""
    return Client(enforce_csrf_checks=True, headers={"Sec-Fetch-Site": "same-origin"})


def deliver(folder: Path, minutes: float = 0) -> list[EmailMessage]:
    """The mails of one round of sending."""
    before = set(folder.glob("*.eml"))
    now = NOON + timedelta(minutes=minutes)
    outbox.fan_out(now=now)
    outbox.deliver_due(now=now, limit=100)
    return [read(path.read_bytes()) for path in sorted(set(folder.glob("*.eml")) - before)]


def path_in(mail: EmailMessage, page: str, settings: Any) -> str:
    found = re.search(rf"{re.escape(settings.BASE_URL)}(/\S*{page}/[^\s>]+)", text_of(mail))
    assert found, text_of(mail)
    return found.group(1)


def said(response: Any) -> str:
    return str(response.content.decode())


def test_the_form_offers_services_and_keeps_the_ticks_of_who_mistyped(web: Client) -> None:
    payments, payouts = ComponentFactory(), ComponentFactory()
    page = said(web.get("/subscribe"))
    assert f'name="component" value="{payouts.public_id}">' in page
    assert f'name="group" value="{payouts.group.public_id}">' in page
    again = said(web.post("/subscribe", {"email": "asha", "component": payments.public_id}))
    assert f'value="{payments.public_id}" checked>' in again
    assert f'value="{payouts.public_id}" checked>' not in again
    web.post("/subscribe", {"email": ASHA, "component": payments.public_id})
    assert list(Subscriber.objects.get().subscriptions.values_list("component", flat=True)) == [payments.pk]


@pytest.mark.parametrize("language", ["en", "sw"])
def test_the_consent_names_the_words_that_its_form_showed(web: Client, language: str) -> None:
    """The one of the form they were on, in the language they read it in, whichever language they chose for the mails."""
    incident = publish().incident
    path = {"en": "", "sw": "sw/"}[language]
    files = building.incident_files(build_incident(incident.public_id, now=NOON), [])
    forms = {
        "subscribe-4": said(web.get(f"/{path}subscribe")),
        "incident-1": files[f"{path}{incident.public_id}.html"].decode(),
    }
    for name, form in forms.items():
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        assert fields["wording"] == f"{name} {language}"
        carriers = {"en": "carriers see it, some of them abroad", "sw": "wanaiona, baadhi yao wako nje ya nchi"}[language]
        assert carriers in form
        assert "/privacy" in form
        web.post("/subscribe", {**fields, "email": f"{name}@customer.example", "language": "en"})
        assert Subscriber.objects.latest("pk").consent["wording"] == f"{name} {language}"


@pytest.mark.parametrize("wording", ["", "x", "subscribe-4 en\n", "subscribe-4 en" * 100, "<b>-1 en"])
def test_a_form_of_before_the_numbers_is_written_down_as_such(web: Client, wording: str) -> None:
    web.post("/subscribe", {"email": ASHA, "wording": wording})
    assert Subscriber.objects.get().consent["wording"] == "a form without its number"


@pytest.mark.parametrize("language", ["en", "sw"])
def test_form_privacy_page_and_own_page_say_the_same(web: Client, language: str) -> None:
    """That carriers see the address, some abroad, and that a mark stays when somebody is forgotten."""
    privacy = rendering.render("public/privacy.html", language=language, path="/privacy")
    own = said(web.get({"en": "", "sw": "/sw"}[language] + manage_path(reader(ASHA))))
    abroad, mark = {
        "en": ("some of them abroad", "a mark that your address cannot be read from"),
        "sw": ("baadhi yao wako nje ya nchi", "alama isiyoweza kuonyesha anwani yako"),
    }[language]
    assert abroad in privacy
    assert mark in privacy
    assert mark in own


def test_somebody_asks_confirms_hears_and_leaves(web: Client, mail: Path, settings: Any) -> None:
    with time_machine.travel(NOON - timedelta(hours=1), tick=False):
        answer = web.post("/subscribe", {"email": " Asha@Customer.example", "language": "sw"})
        assert answer.status_code == 200
        assert '<html lang="sw"' in said(answer)
        assert "Asha@Customer.example" in said(answer)
        [confirmation] = deliver(mail, -60)
        path = path_in(confirmation, "confirm", settings)
        assert path.startswith("/sw/confirm/")
        assert Subscriber.objects.get().state == "pending"
        page = web.get(path)
        assert page.status_code == 200
        assert '<form method="post">' in said(page)
        assert Subscriber.objects.get().state == "pending", "a scanner that follows the link confirms nothing"
        assert web.post(path).status_code == 200
        assert web.post(path).status_code == 200, "pressing twice is no error"
    assert Subscriber.objects.get().state == "active"

    publish()
    [news] = deliver(mail)
    assert "Malipo yanachelewa" in text_of(news)
    stop = path_in(news, "u", settings)
    assert web.get(stop).status_code == 200
    assert Subscriber.objects.get().state == "active", "a scanner that follows the link stops nothing"
    one_click = web.post(stop, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert one_click.status_code == 200
    assert web.post(stop, {"List-Unsubscribe": "One-Click"}).status_code == 200, "multipart, and a second time"
    assert Subscriber.objects.get().state == "unsubscribed"
    publish(now=NOON + timedelta(minutes=1))
    assert deliver(mail, 1) == []
    assert not web.cookies


@pytest.mark.parametrize(
    ("said_by_browser", "taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),  # a page under no-referrer
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "https://status.mfanopesa.example"}, True),  # HALI_BASE_URL
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://testserver.evil.example"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("path", ["/subscribe", "/subscriptions", "/sw/subscribe"])
def test_only_a_form_of_ours_is_taken(settings: Any, path: str, said_by_browser: dict[str, str], taken: bool) -> None:
    settings.BASE_URL = "https://status.mfanopesa.example"
    answer = Client().post(path, {"email": ASHA}, headers=said_by_browser)
    assert answer.status_code == (200 if taken else 403)
    assert Subscriber.objects.exists() == taken


@pytest.mark.parametrize(("language", "way_out"), [("en", "Open the form here"), ("sw", "Fungua fomu hapa")])
def test_who_is_refused_is_told_what_to_do_in_their_language(language: str, way_out: str) -> None:
    page = said(Client().post("/subscribe", {"email": ASHA, "language": language}))
    prefix = "" if language == "en" else "/sw"
    assert f'<html lang="{language}"' in page
    assert way_out in page
    assert all(f'href="{prefix}{other}"' in page for other in ("/subscribe", "/updates.atom", "/text/"))
    assert ASHA not in page


def test_the_answer_is_the_same_whether_the_address_is_known_or_not(web: Client) -> None:
    reader(ASHA)
    known = web.post("/subscribe", {"email": ASHA})
    unknown = web.post("/subscribe", {"email": "new@customer.example"})
    assert said(known).replace(ASHA, "") == said(unknown).replace("new@customer.example", "")
    assert known.status_code == unknown.status_code == 200


@pytest.mark.parametrize("typed", ["achieng@", "", "achieng", 'a"><script>@x.example'])
def test_what_is_no_address_brings_the_form_back_with_words_and_what_was_typed(web: Client, typed: str) -> None:
    answer = web.post("/subscribe", {"email": typed, "language": "en"})
    page = said(answer)
    assert answer.status_code == 400
    assert "Write the email address in full, like name@example.com" in page
    assert 'aria-invalid="true"' in page
    assert "<script>@x" not in page
    if typed == "achieng@":
        assert 'value="achieng@"' in page
    assert not Subscriber.objects.exists()


def test_a_machine_that_fills_in_the_hidden_field_is_thanked_and_forgotten(web: Client) -> None:
    answer = web.post("/subscribe", {"email": ASHA, "website": "https://spam.example"})
    assert answer.status_code == 200
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("path", ["/subscribe", "/subscriptions"])
def test_the_field_names_of_statuspage_are_understood(web: Client, path: str) -> None:
    component = ComponentFactory()
    assert web.post(path, {"subscriber[email]": ASHA, "component_id": component.public_id}).status_code == 200
    assert Subscriber.objects.get().subscriptions.get().component == component


@pytest.mark.parametrize("public_id", ["nosuch000000", "\x00", "x" * 5000])
def test_a_service_that_is_not_there_is_said_and_not_replaced_by_all_services(web: Client, public_id: str) -> None:
    answer = web.post("/subscribe", {"email": ASHA, "component": public_id})
    assert answer.status_code == 400
    assert "We have no such service" in said(answer)
    assert not Subscriber.objects.exists()


def test_the_form_is_there_in_each_language_even_without_its_static_file(web: Client) -> None:
    assert 'action="/subscribe"' in said(web.get("/subscribe"))
    assert '<html lang="sw"' in said(web.get("/sw/subscribe"))


def test_a_flood_is_told_when_to_come_back(web: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "OTHERS", floods.Limits(network=1))
    assert web.post("/subscribe", {"email": "one@a.example"}).status_code == 200
    answer = web.post("/subscribe", {"email": "two@b.example"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "3600")
    assert 'value="two@b.example"' in said(answer)


@pytest.mark.parametrize(("behind_proxy", "ip"), [(True, "198.51.100.9"), (False, "127.0.0.1")])
def test_who_asked_is_taken_from_where_it_can_be_trusted(web: Client, settings: Any, behind_proxy: bool, ip: str) -> None:
    settings.TRUSTED_PROXIES = 1 if behind_proxy else 0
    web.post("/subscribe", {"email": ASHA}, headers={"X-Forwarded-For": "10.9.9.9, 198.51.100.9"})
    assert Subscriber.objects.get().consent["ip"] == ip


@pytest.mark.parametrize("path", ["/confirm/invented", "/u/invented", "/u/a.b", "/manage/invented", "/manage/invented/export"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_invented_link_opens_nothing(web: Client, path: str, method: str) -> None:
    asha = reader(ASHA)
    assert getattr(web, method)(path).status_code in (403, 404)
    asha.refresh_from_db()
    assert asha.state == "active"


def test_a_link_to_ones_choices_ends_after_half_a_year_and_the_one_that_stops_never(web: Client) -> None:
    with time_machine.travel(NOON, tick=False):
        asha = reader(ASHA)
        manage, stop = f"/manage/{links.token_for(asha, links.MANAGE)}", f"/u/{links.token_for(asha, links.UNSUBSCRIBE)}"
    with time_machine.travel(NOON + timedelta(days=179), tick=False):
        assert web.get(manage).status_code == 200
    with time_machine.travel(NOON + timedelta(days=1000), tick=False):
        answer = web.get(manage)
        assert (answer.status_code, web.get(f"{manage}/export").status_code) == (404, 404)
        assert "older than 180 days" in said(answer)
        assert web.post(stop).status_code == 200
    asha.refresh_from_db()
    assert asha.state == "unsubscribed"


def test_the_link_that_confirmed_leads_to_ones_choices_no_longer_than_other_links_do(web: Client) -> None:
    path = f"/confirm/{links.confirm_token(reader(ASHA, now=NOON))}"
    with time_machine.travel(NOON + timedelta(days=179), tick=False):
        assert "/manage/" in said(web.get(path))
    with time_machine.travel(NOON + timedelta(days=180), tick=False):
        for method in (web.get, web.post):
            answer = method(path)
            assert (answer.status_code, "/manage/" in said(answer)) == (404, False)


def test_a_link_serves_one_purpose(web: Client) -> None:
    asha = reader(ASHA)
    assert web.get(f"/manage/{links.token_for(asha, links.UNSUBSCRIBE)}").status_code == 404
    assert web.post(f"/u/{links.token_for(asha, links.MANAGE)}").status_code == 404


def test_an_old_link_to_confirm_says_what_to_do(web: Client) -> None:
    subscriptions.subscribe(address=ASHA, language="en", source={}, now=NOON - timedelta(days=3))
    token = links.confirm_token(Subscriber.objects.get())
    with time_machine.travel(NOON, tick=False):
        answer = web.post(f"/confirm/{token}")
    assert answer.status_code == 404
    assert "Ask for a new one" in said(answer)


def test_nothing_of_these_pages_is_kept_by_caches_or_told_to_others(web: Client) -> None:
    asha = reader(ASHA)
    pages = [f"/manage/{links.token_for(asha, links.MANAGE)}", f"/u/{links.token_for(asha, links.UNSUBSCRIBE)}", "/subscribe"]
    for page in pages:
        answer = web.get(page)
        assert answer["Cache-Control"] == "no-store"
        # The form's address holds no token, and the form shown again must be able to say that it is ours.
        assert answer["Referrer-Policy"] == ("same-origin" if page == "/subscribe" else "no-referrer")
        assert answer["X-Robots-Tag"] == "noindex"
        assert not answer.cookies


@pytest.mark.parametrize(("prefix", "words"), [("", "We cannot take this right now"), ("/sw", "Hatuwezi kupokea")])
@pytest.mark.parametrize("method", ["get", "post"])
def test_while_the_database_is_away_each_page_says_so(
    web: Client, monkeypatch: pytest.MonkeyPatch, prefix: str, words: str, method: str
) -> None:
    asha = reader(ASHA)
    token = links.token_for(asha, links.UNSUBSCRIBE)

    def away(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(connection, "cursor", away)
    for page in (f"/u/{token}", manage_path(asha), "/confirm/invented"):
        answer = getattr(web, method)(prefix + page)
        assert (answer.status_code, answer["Cache-Control"]) == (503, "no-store")
        assert words in said(answer)
        assert "closed the connection" not in said(answer)


# --- Manage ------------------------------------------------------------------------------------


def manage_path(asha: Subscriber) -> str:
    return f"/manage/{links.token_for(asha, links.MANAGE)}"


def test_a_subscriber_chooses_services_and_language(web: Client) -> None:
    one, two = ComponentFactory(), ComponentFactory()
    asha = reader(ASHA, "en", one)
    page = said(web.get(manage_path(asha)))
    assert re.search(rf'value="{one.public_id}" checked', page)
    assert not re.search(rf'value="{two.public_id}" checked', page)
    answer = web.post(manage_path(asha), {"action": "save", "language": "sw", "component": [two.public_id]})
    assert '<html lang="sw"' in said(answer)
    asha.refresh_from_db()
    assert (asha.language, asha.subscriptions.get().component) == ("sw", two)
    web.post(manage_path(asha), {"action": "save", "all": "1", "component": [two.public_id]})
    assert asha.subscriptions.get().component is None


def test_a_follower_of_some_services_follows_an_incident_by_a_press_on_their_own_page(
    web: Client, mail: Path, settings: Any
) -> None:
    with time_machine.travel(NOON, tick=False):
        mine, theirs = ComponentFactory(), ComponentFactory()
        asha = reader(ASHA, "en", mine, now=NOON - timedelta(days=200))
        incident = publish(component=theirs).incident
        assert web.post("/subscribe", {"email": ASHA, "incident_id": incident.public_id}).status_code == 200
        [told] = deliver(mail)
        path = path_in(told, "manage", settings)
        page = said(web.get(path))
        assert "You asked for more" in page
        assert "Payments are late" in page.split("What we write about")[0]
        assert asha.subscriptions.get().component == mine, "following a link adds nothing"
        added = said(web.post(path, {"action": "add"}))
        assert "You asked for more" not in added
        assert set(asha.subscriptions.values_list("component", "incident")) == {(mine.pk, None), (None, incident.pk)}
        assert said(web.post(path, {"action": "add"})), "a second press changes nothing"
        assert asha.subscriptions.count() == 2


@pytest.mark.parametrize("also", ["nosuch000000", "\x00", "x" * 5000, "all,all", ""])
def test_a_link_that_asks_for_nothing_we_have_shows_the_page_as_it_is(web: Client, also: str) -> None:
    asha = reader(ASHA, "en", ComponentFactory())
    assert "You asked for more" not in said(web.get(manage_path(asha), {"also": also}))
    web.post(f"{manage_path(asha)}?{urlencode({'also': also})}", {"action": "add"})
    assert asha.subscriptions.count() == 1


def test_a_link_may_ask_for_all_services(web: Client) -> None:
    asha = reader(ASHA, "en", ComponentFactory())
    web.post(f"{manage_path(asha)}?also=all", {"action": "add"})
    assert asha.subscriptions.get().component is None


def test_who_answered_by_sms_opens_their_own_page_with_number_and_code(web: Client, settings: Any) -> None:
    settings.SMS_KEY, phone = "a key", "+254711000111"
    with time_machine.travel(NOON, tick=False):
        phone_replies.take_text(number=phone, text="START", now=NOON)
        unknown = web.post("/subscribe", {"channel": "sms", "address": "+254711000112"})
        known = web.post("/subscribe", {"channel": "sms", "address": phone})
        assert said(known).replace(phone, "") == said(unknown).replace("+254711000112", "")
        page = said(web.get("/confirm/code"))
        assert 'name="address" type="tel"' in page
        assert 'name="code"' in page
        code = links.confirm_code(Subscriber.objects.get(state="active"))
        opened = web.post("/confirm/code", {"address": "0711 000 111", "code": code})
        path = re.search(r'href="(/manage/[^"]+)"', said(opened))
        assert path, said(opened)
        assert "Your choices" in said(web.get(path.group(1)))
        assert web.post("/confirm/code", {"address": phone, "code": code}).status_code == 400


def test_a_subscriber_takes_a_copy_and_is_forgotten(web: Client) -> None:
    asha = reader(ASHA)
    export = web.get(f"{manage_path(asha)}/export")
    assert export.json()["address"] == ASHA
    assert "attachment" in export["Content-Disposition"]
    answer = web.post(manage_path(asha), {"action": "erase"})
    assert "We have forgotten you" in said(answer)
    assert not Subscriber.objects.exists()
    assert web.get(manage_path(asha)).status_code == 404
    assert web.post(f"/u/{links.token_for(asha, links.UNSUBSCRIBE)}").status_code == 200, "one-click stays idempotent"


def test_who_has_left_cannot_be_changed_by_an_old_link(web: Client) -> None:
    asha = reader(ASHA)
    subscriptions.unsubscribe(subscriber=asha, now=NOON)
    assert "You get no emails from us" in said(web.get(manage_path(asha)))
    web.post(manage_path(asha), {"action": "save", "language": "sw"})
    asha.refresh_from_db()
    assert (asha.state, asha.language) == ("unsubscribed", "en")
