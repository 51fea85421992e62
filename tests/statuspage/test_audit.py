"""The audit log: append-only by the database; who, what, before and after, from where, by which factor; taken away as files."""

from __future__ import annotations

import json
import time

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from incidents import append_only, audit
from incidents.models import AuditEvent, Component
from statuspage.doors import METHODS
from statuspage.roles import AUDITOR, PAGE_ADMIN
from tests.factories import ComponentFactory, UserFactory
from tests.statuspage.desk import sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


def an_event(**fields: object) -> AuditEvent:
    return audit.log(act="claim.log", actor=UserFactory(), now=timezone.now(), target="x", **fields)  # type: ignore[arg-type]


@pytest.mark.database
def test_the_database_itself_refuses_to_change_or_remove_an_event() -> None:
    event = an_event()
    for act in (
        lambda: AuditEvent.objects.filter(pk=event.pk).update(act="nothing"),
        lambda: AuditEvent.objects.filter(pk=event.pk)._raw_delete("default"),
        lambda: event.save(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()
    event.refresh_from_db()
    assert event.act == "claim.log"


@pytest.mark.database
def test_a_migrated_database_has_the_triggers_and_the_whole_table_is_not_emptied() -> None:
    assert append_only.is_installed(connection, "incidents_auditevent")
    an_event()
    if connection.vendor == "postgresql":
        connection.check_constraints()  # now, not at the end: a table with open questions is not truncated anyway
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE incidents_auditevent")
    assert AuditEvent.objects.exists()


def test_an_act_at_the_desk_keeps_what_changed_from_where_and_with_which_factor() -> None:
    component = ComponentFactory(position=7)
    client = sign_in(someone(PAGE_ADMIN, "neema"))
    session = client.session
    session[METHODS] = [{"method": "password", "at": time.time()}, {"method": "mfa", "type": "totp", "at": time.time()}]
    session.save()
    posted = {
        "name_0": "Send money", "name_1": "Tuma pesa", "description_0": "", "description_1": "", "enabled": "on",
        "group": component.group_id, "position": 3, "status_changes-TOTAL_FORMS": 0, "status_changes-INITIAL_FORMS": 0,
    }  # fmt: skip
    assert client.post(f"/admin/incidents/component/{component.pk}/change/", posted).status_code == 302
    event = AuditEvent.objects.get(act="component.edit")
    assert (event.actor_name, event.target, event.address, event.factor) == ("neema", component.public_id, "127.0.0.1", "totp")
    assert event.details["position"] == {"before": 7, "after": 3}
    assert event.details["name"]["after"] == {"en": "Send money", "sw": "Tuma pesa"}
    page = client.get(f"/admin/incidents/component/{component.pk}/history/").content.decode()
    assert "position: 7 → 3" in page
    assert "127.0.0.1" not in page
    page = sign_in(someone(AUDITOR)).get(f"/admin/incidents/component/{component.pk}/history/").content.decode()
    assert "127.0.0.1 (totp)" in page


def test_what_no_member_of_staff_did_keeps_no_address() -> None:
    with audit.through(lambda: audit.Door("41.90.1.1", "none")):
        event = audit.log(act="subscriber.erase", actor_name="subscriber", now=timezone.now(), target="s1")
    assert (event.address, event.factor) == ("", "")


def test_a_save_that_changes_nothing_is_no_act() -> None:
    component = ComponentFactory()
    name = component.name.data
    posted = {
        "name_0": name["en"], "name_1": name["sw"], "description_0": "", "description_1": "", "enabled": "on",
        "group": component.group_id, "position": component.position,
        "status_changes-TOTAL_FORMS": 0, "status_changes-INITIAL_FORMS": 0,
    }  # fmt: skip
    url = f"/admin/incidents/component/{component.pk}/change/"
    assert sign_in(someone(PAGE_ADMIN)).post(url, posted).status_code == 302
    assert not AuditEvent.objects.filter(act="component.edit").exists()
    assert Component.objects.get() == component


def test_the_log_is_filtered_and_the_same_choice_is_taken_away_as_a_file() -> None:
    an_event(details={"reason": "=1+1"})
    audit.log(act="claim.see", actor=UserFactory(username="=evil"), now=timezone.now(), target="y")
    client = sign_in(someone(AUDITOR, "wanjiru"))
    chosen = client.get("/admin/incidents/auditevent/?act=claim.see").content.decode()
    assert "=evil" in chosen
    taken = client.get("/admin/incidents/auditevent/export/jsonl/?act=claim.see")
    lines = [json.loads(line) for line in b"".join(taken).decode().splitlines()]
    assert [(line["act"], line["actor"], line["target"]) for line in lines] == [("claim.see", "=evil", "y")]
    sheet = b"".join(client.get("/admin/incidents/auditevent/export/csv/"))
    assert b"'=evil" in sheet
    assert sheet.startswith(b"id,at,actor,act,target,address,factor,details\r\n")
    exports = AuditEvent.objects.filter(act="audit.export", actor_name="wanjiru")
    assert [event.details["events"] for event in exports] == [3, 1]
    assert client.get("/admin/incidents/auditevent/export/exe/").status_code == 404
