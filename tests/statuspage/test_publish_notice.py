"""The way out when the desk is down."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from incidents import timeline
from incidents.models import Component, Incident, IncidentUpdate
from incidents.verification import verify
from tests.factories import ComponentFactory
from tests.incidents.helpers import all_notices

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def component(settings: Any, tmp_path: Any) -> Component:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    all_notices()
    made: Component = ComponentFactory(code="stk-push")
    return made


def publish(*args: str) -> str:
    out = StringIO()
    call_command("publish_notice", *args, stdout=out)
    return out.getvalue()


def test_it_publishes_the_open_draft(component: Component) -> None:
    now = timezone.now()
    timeline.observe(component=component, status="partial_outage", since=now, now=now)
    said = publish("stk-push", "down")
    update = IncidentUpdate.objects.get()
    assert update.publication == "published"
    assert f"incident {update.incident.public_id}" in said
    assert "Next update promised by" in said
    assert verify().holds


def test_it_opens_an_incident_where_none_is_open(component: Component) -> None:
    publish("stk-push", "down")
    component.refresh_from_db()
    assert component.status == "partial_outage"
    assert Incident.objects.published().count() == 1


def test_it_refuses_with_one_blocker_a_line_until_a_reason_is_given(component: Component) -> None:
    now = timezone.now()
    timeline.observe(component=component, status="major_outage", since=now, now=now)
    publish("stk-push", "down")
    with pytest.raises(CommandError) as refusal:
        publish("stk-push", "resolved")
    first, *blockers = str(refusal.value).splitlines()
    assert first == "Not published:"
    assert len(blockers) == 2
    assert "monitoring" in blockers[0]
    assert "Probes say" in blockers[1]
    assert refusal.value.returncode == 1
    assert "Published “watching”" in publish("stk-push", "watching", "--reason", "The probe's own line is cut.")


def test_nothing_open_to_resolve_is_one_clear_line() -> None:
    with pytest.raises(CommandError, match="Nothing is open for stk-push"):
        publish("stk-push", "resolved")


def test_unknown_codes_list_the_known_ones() -> None:
    with pytest.raises(CommandError, match=r"no service with the code “stk”\. Known: stk-push"):
        publish("stk", "down")
    with pytest.raises(CommandError, match="Known: delayed, down, no-change, resolved, watching"):
        publish("stk-push", "panic")
