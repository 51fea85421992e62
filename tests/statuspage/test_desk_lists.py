"""Every list and form of the desk: they open, they show no address, they edit no state, they delete nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import ModelAdmin
from django.utils import timezone

from incidents import corrections, notices, signing
from incidents.models import AuditEvent, Component, Incident, Notice
from probes.models import Probe, ProbeSchedule, ProbeVerdict, Result, Vantage
from statuspage import publishing
from statuspage.admin.site import desk
from statuspage.roles import APPROVER, AUDITOR, AUTHOR, ENGINEER
from subscribers.models import Delivery, Notification, Subscriber
from tests.factories import ComponentFactory, NoticeFactory, ProbeFactory, ProbeScheduleFactory
from tests.incidents.helpers import signed_notice
from tests.statuspage.desk import a_draft, a_public_incident, page_of, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]

ADDRESS = "amina@mail.example"


@pytest.fixture(autouse=True)
def _own_disk(settings: Any, tmp_path: Any) -> None:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"


@pytest.fixture
def _a_full_house() -> None:
    draft = a_draft()
    publishing.publish_update(update_id=draft.pk, actor=None, now=timezone.now())
    row = ProbeScheduleFactory(probe=ProbeFactory(component=Component.objects.get()))
    Result.objects.create(
        probe=row.probe, vantage=row.vantage, slot=1, status="ok", started_at=timezone.now(), received_at=timezone.now()
    )
    subscriber = Subscriber.objects.create(
        public_id="s1", address_encrypted="gibberish", address_hash="h1", domain="mail.example", language="sw",
        state="active", created_at=timezone.now(), consent={"from": ADDRESS},
    )  # fmt: skip
    notification = Notification.objects.first()
    assert notification is not None
    now = timezone.now()
    Delivery.objects.create(notification=notification, subscriber=subscriber, channel="email", due_at=now, wanted_at=now)


def urls_of_lists() -> list[str]:
    return [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in desk._registry]


@pytest.mark.usefixtures("_a_full_house")
def test_every_list_form_and_row_opens_for_a_superuser_without_an_address() -> None:
    client = sign_in(someone(is_superuser=True))
    for model in desk._registry:
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        row = model._default_manager.first()
        pages = [url, f"{url}?q=a"] if desk._registry[model].search_fields else [url]
        pages += [f"{url}{row.pk}/change/"] if row else []
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 200, page
            text = answer.content.decode()
            assert ADDRESS not in text, page
            assert "gibberish" not in text, page
            assert "_addanother" not in text, page


@pytest.mark.usefixtures("_a_full_house")
def test_nothing_can_be_deleted() -> None:
    client = sign_in(someone(is_superuser=True))
    for model in desk._registry:
        row = model._default_manager.first()
        if row:
            url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/{row.pk}/delete/"
            assert client.post(url, {"post": "yes"}).status_code == 403, url


@pytest.mark.parametrize("model", ["recordentry", "auditevent"])
def test_record_and_audit_cannot_be_added_to_or_changed(model: str) -> None:
    client = sign_in(someone(is_superuser=True))
    assert client.get(f"/admin/incidents/{model}/add/").status_code == 403


def test_the_audit_log_is_for_approvers_and_auditors() -> None:
    seen = {role: sign_in(someone(role)).get("/admin/incidents/auditevent/").status_code for role in (AUTHOR, ENGINEER, AUDITOR)}
    assert seen == {AUTHOR: 403, ENGINEER: 403, AUDITOR: 200}
    assert sign_in(someone(APPROVER)).get("/admin/incidents/auditevent/").status_code == 200


def test_a_services_state_is_not_editable_by_hand() -> None:
    component = ComponentFactory()
    client = sign_in(someone(is_superuser=True))
    page = client.get(f"/admin/incidents/component/{component.pk}/change/").content.decode()
    for field in ("status", "observed_status", "stated_status"):
        assert f'name="{field}"' not in page
    posted = {
        "name_0": "Send money", "name_1": "Tuma pesa", "description_0": "", "description_1": "",
        "group": component.group_id, "position": 1, "enabled": "on", "status": "major_outage",
        "status_changes-TOTAL_FORMS": 0, "status_changes-INITIAL_FORMS": 0,
    }  # fmt: skip
    assert client.post(f"/admin/incidents/component/{component.pk}/change/", posted).status_code == 302
    component.refresh_from_db()
    assert component.status == "operational"
    assert component.name.data == {"en": "Send money", "sw": "Tuma pesa"}


# --- Probes ----------------------------------------------------------------------------------


def probe_form(probe: Probe, **changes: Any) -> dict[str, Any]:
    return {
        "code": probe.code, "component": probe.component_id, "kind": "http", "spec": '{"url": "http://127.0.0.1:9/"}',
        "initial-spec": '{"url": "http://127.0.0.1:9/"}',
        "interval": 5, "timeout": 4, "failure_threshold": 2, "window": 3, "success_threshold": 3, "quorum": 2, "weight": 100,
        "enabled": "on",
        "results-TOTAL_FORMS": 0, "results-INITIAL_FORMS": 0, **changes,
    }  # fmt: skip


def test_an_impossible_target_is_refused_with_what_to_change() -> None:
    probe = ProbeFactory()
    url = f"/admin/probes/probe/{probe.pk}/change/"
    client = sign_in(someone(ENGINEER))
    answer = client.post(url, probe_form(probe, spec='{"url": "ftp://nowhere"}'))
    assert answer.status_code == 200
    assert "give http:// or https://" in answer.content.decode()
    answer = client.post(url, probe_form(probe, spec="not json"))
    assert answer.status_code == 200
    assert "Enter a valid JSON" in answer.content.decode()
    probe.refresh_from_db()
    assert probe.spec == {"url": "http://127.0.0.1:9/"}


def test_thresholds_that_can_never_be_met_are_refused_in_words() -> None:
    probe = ProbeFactory()
    answer = sign_in(someone(ENGINEER)).post(
        f"/admin/probes/probe/{probe.pk}/change/", probe_form(probe, failure_threshold=5, window=3)
    )
    assert "Give 1 to 3" in answer.content.decode()


def test_an_engineer_changes_a_probe_and_its_schedules_follow() -> None:
    row = ProbeScheduleFactory()
    answer = sign_in(someone(ENGINEER)).post(f"/admin/probes/probe/{row.probe_id}/change/", probe_form(row.probe, interval=30))
    assert answer.status_code == 302
    row.refresh_from_db()
    assert row.interval == 30


def test_a_probe_says_who_suspects_trouble_and_how_fast_its_budget_burns() -> None:
    row = ProbeScheduleFactory()
    ProbeVerdict.objects.create(probe=row.probe, confirmed="operational", suspects="nairobi")
    now = timezone.now()
    Result.objects.bulk_create(
        Result(
            probe=row.probe, vantage=row.vantage, slot=int(now.timestamp()) - 5 * number, status="down" if number < 30 else "ok",
            started_at=now, received_at=now,
        )
        for number in range(700)
    )  # fmt: skip
    page = sign_in(someone(ENGINEER)).get(f"/admin/probes/probe/{row.probe_id}/change/").content.decode()
    assert "suspected at nairobi" in page
    assert "burns 43 times as fast as 99.9% good outcomes allow" in page
    assert "runs nowhere" not in page


@pytest.mark.parametrize(
    ("changed", "forgotten"),
    [
        ({"spec": '{"url": "http://127.0.0.1:10/"}'}, True),
        ({"interval": 30}, True),
        ({"window": 4}, True),
        ({}, False),
        ({"code": "another-name"}, False),
    ],
)
def test_a_probe_that_asks_something_else_forgets_what_it_saw(changed: dict[str, Any], forgotten: bool) -> None:
    row = ProbeScheduleFactory(probe__timeout=4, confirmed="major_outage", state={"since": 1}, next_slot=9_999_999_999)
    url = f"/admin/probes/probe/{row.probe_id}/change/"
    assert sign_in(someone(ENGINEER)).post(url, probe_form(row.probe, **changed)).status_code == 302
    row.refresh_from_db()
    assert (row.confirmed, row.state) == (("", {}) if forgotten else ("major_outage", {"since": 1}))
    assert (row.next_slot < 9_999_999_999) == forgotten


@pytest.mark.parametrize("model", [Component, ProbeSchedule, Vantage])
def test_a_form_saves_what_the_person_changed_and_no_state_that_moved_on_meanwhile(
    monkeypatch: pytest.MonkeyPatch, model: type[Component] | type[ProbeSchedule] | type[Vantage]
) -> None:
    """Between the form's read and its write, probes confirm an outage and the dispatcher moves the slot."""
    row = ProbeScheduleFactory(next_slot=1000)
    component, vantage = row.probe.component, row.vantage
    posted: dict[type, tuple[str, dict[str, Any]]] = {
        Component: (
            f"incidents/component/{component.pk}",
            {
                "name_0": "Send money", "name_1": "Tuma pesa", "description_0": "", "description_1": "", "enabled": "on",
                "group": component.group_id, "position": 1, "status_changes-TOTAL_FORMS": 0, "status_changes-INITIAL_FORMS": 0,
            },
        ),
        ProbeSchedule: (f"probes/probeschedule/{row.pk}", {}),
        Vantage: (f"probes/vantage/{vantage.pk}", {"label": "Nairobi", "enabled": "on"}),
    }  # fmt: skip
    read = ModelAdmin.save_form
    heard = timezone.now()

    def read_then_move_on(*args: Any, **kwargs: Any) -> Any:
        form = read(*args, **kwargs)
        Component.objects.update(status="major_outage", observed_status="major_outage")
        ProbeSchedule.objects.update(next_slot=2000, confirmed="major_outage", state={"since": 1})
        Vantage.objects.update(last_heard_at=heard)
        return form

    monkeypatch.setattr(ModelAdmin, "save_form", read_then_move_on)
    path, fields = posted[model]
    assert sign_in(someone(is_superuser=True)).post(f"/admin/{path}/change/", fields).status_code == 302
    for changed in (component, row, vantage):
        changed.refresh_from_db()
    assert (component.status, row.next_slot, row.confirmed, row.state) == ("major_outage", 2000, "major_outage", {"since": 1})
    assert vantage.last_heard_at == heard
    saved = {
        Component: component.name.data["en"] == "Send money",
        ProbeSchedule: not row.enabled,
        Vantage: vantage.label == "Nairobi",
    }
    assert saved[model]


def test_an_author_may_not_change_a_probe() -> None:
    probe = ProbeFactory()
    assert sign_in(someone(AUTHOR)).post(f"/admin/probes/probe/{probe.pk}/change/", probe_form(probe)).status_code == 403


# --- Notices -----------------------------------------------------------------------------------


def notice_form(notice: Notice, **changes: Any) -> dict[str, Any]:
    return {
        "code": notice.code, "phase": notice.phase, "component_status": notice.component_status, "opens_for": notice.opens_for,
        "title_0": "{component} is failing", "title_1": "{component} inashindikana",
        "body_0": "Wait.", "body_1": "Subiri.", "cadence_minutes": 20, **changes,
    }  # fmt: skip


def test_an_unsigned_notice_is_written_then_signed_by_another_and_then_only_read() -> None:
    notice = NoticeFactory()
    change, sign = f"/admin/incidents/notice/{notice.pk}/change/", f"/admin/incidents/notice/{notice.pk}/sign/"
    author, approver = sign_in(someone(AUTHOR)), sign_in(someone(APPROVER))
    assert author.post(change, notice_form(notice)).status_code == 302
    assert author.post(sign).status_code == 403
    assert "Subiri." in approver.get(sign).content.decode()
    assert approver.post(sign).status_code == 302
    notice.refresh_from_db()
    assert notice.cadence_minutes == 20
    assert author.post(change, notice_form(notice, body_0="Other words.")).status_code == 403
    assert "Signed by" in author.get(change).content.decode()


def test_a_signed_notice_can_be_withdrawn_mended_and_signed_anew() -> None:
    notice = signed_notice()
    approver = sign_in(someone(APPROVER))
    withdraw = f"/admin/incidents/notice/{notice.pk}/withdraw/"
    assert approver.get(withdraw).status_code == 405
    assert sign_in(someone(AUTHOR)).post(withdraw).status_code == 403
    assert "Take the signature back" in approver.get(f"/admin/incidents/notice/{notice.pk}/change/").content.decode()
    assert approver.post(withdraw).status_code == 302
    notice.refresh_from_db()
    assert not notices.is_signed(notice)
    assert approver.post(f"/admin/incidents/notice/{notice.pk}/sign/").status_code == 302


def test_nobody_signs_a_notice_they_wrote() -> None:
    notice = NoticeFactory()
    client = sign_in(someone(is_superuser=True))
    client.post(f"/admin/incidents/notice/{notice.pk}/change/", notice_form(notice))
    answer = client.post(f"/admin/incidents/notice/{notice.pk}/sign/")
    assert answer.status_code == 403
    assert "Another person must sign it" in answer.content.decode()
    assert AuditEvent.objects.filter(act="notice.edit", target=notice.code).count() == 1


def test_a_notice_that_changed_meanwhile_is_not_signed() -> None:
    notice = NoticeFactory()
    answer = sign_in(someone(APPROVER)).post(f"/admin/incidents/notice/{notice.pk}/sign/", {"seen_hash": "of other words"})
    assert answer.status_code == 403
    notice.refresh_from_db()
    assert notice.signed_by is None


def test_a_notice_without_one_language_is_not_signed() -> None:
    notice = NoticeFactory(body={"en": "Wait.", "sw": ""})
    assert "It is not written in sw yet" in (
        sign_in(someone(APPROVER)).post(f"/admin/incidents/notice/{notice.pk}/sign/").content.decode()
    )


def test_people_are_seen_by_auditors_and_changed_by_nobody_but_superusers() -> None:
    assert sign_in(someone(AUDITOR)).get("/admin/auth/user/").status_code == 200
    assert sign_in(someone(AUTHOR)).get("/admin/auth/user/").status_code == 403
    other = someone(AUTHOR)
    assert sign_in(someone(AUDITOR)).post(f"/admin/auth/user/{other.pk}/change/", {"is_superuser": "on"}).status_code == 403


def test_a_signed_notice_shows_its_signer() -> None:
    notice = signing.sign_notice(notice=NoticeFactory(), signer=someone(APPROVER, "asha"), now=timezone.now())
    assert "Signed by asha" in sign_in(someone(AUDITOR)).get("/admin/incidents/notice/").content.decode()
    assert str(notice) == "down"


def test_a_corrected_headline_is_how_every_page_of_the_desk_calls_the_incident() -> None:
    incident, now = a_public_incident("major_outage"), timezone.now()
    said = incident.updates.published()[0]
    row = corrections.draft(
        of=said, words={"name": both("Only tills are late")}, reason=both("The wrong service."), author=someone(AUTHOR), now=now
    )
    signing.sign(item=row, signer=someone(APPROVER), now=now)
    publishing.publish_correction(correction=row, actor=None, now=now)
    Incident.objects.update(next_update_by=now)
    client = sign_in(someone(is_superuser=True))
    pages = ["/admin/", "/admin/text-packs/", "/admin/incidents/incident/", "/admin/incidents/incidentupdate/"]
    pages += [page_of(incident, act) for act in ("change", "facts", "data-and-funds")]
    pages += [page_of(said, act) for act in ("after", "text-pack")]
    assert [page for page in pages if "Only tills are late" not in client.get(page).content.decode()] == []


def both(english: str) -> dict[str, str]:
    return {"en": english, "sw": f"{english} (sw)"}
