"""Set-up that the desk's tests share: people in their roles, a draft, its form."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from incidents import timeline
from incidents.languages import by_language
from incidents.models import Component, Incident, IncidentUpdate, Notice
from statuspage import publishing, roles
from statuspage.roles import AUTHOR
from tests.factories import ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices


def someone(role: str = "", name: str = "", **fields: Any) -> User:
    """A person of the desk in a role, as `manage.py sync_roles` leaves it."""
    if not Group.objects.filter(name=role or AUTHOR).exists():
        roles.sync()
    user: User = UserFactory(**({"username": name} if name else {}), **{"is_superuser": False, **fields})
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_draft(status: str = "partial_outage", code: str = "stk-push") -> IncidentUpdate:
    """What probes leave behind when trouble begins: a draft in signed words, with evidence."""
    all_notices()
    component: Component = ComponentFactory(code=code)
    now = timezone.now()
    evidence = {
        "probes": [
            {"probe": "stk-query", "vantage": "nairobi", "says": status, "saw": "500.003.02: System is busy", "took_ms": 120}
        ]
    }
    timeline.observe(component=component, status=status, since=now - timedelta(minutes=2), now=now, evidence=evidence)
    return IncidentUpdate.objects.drafts().get(affected__component=component)


def form_of(update: IncidentUpdate, **changes: Any) -> dict[str, Any]:
    """The draft's form as a browser would post it back, with `changes`."""
    due = timezone.localtime(update.next_update_by) if update.next_update_by else None
    posted: dict[str, Any] = {
        "status": update.status,
        "next_day": f"{due:%Y-%m-%d}" if due else "",
        "next_time": f"{due:%H:%M}" if due else "",
        "who": "some" if "partial_outage" in update.affected.values_list("new_status", flat=True) else "unknown",
        "seen_at": update.updated_at.isoformat(),
        **{f"name_{code}": text for code, text in by_language(update.incident.name).items()},
        **{f"body_{code}": text for code, text in by_language(update.body).items()},
        **{f"state_{item.component.code}": item.new_status for item in update.affected.select_related("component")},
    }
    if update.deliver_notifications:
        posted["deliver_notifications"] = "on"
    return {**posted, **changes}


def at(update: IncidentUpdate, act: str = "change") -> str:
    return f"/admin/incidents/incidentupdate/{update.pk}/{act}/"


OWN_WORDS = {"body_en": "A link is broken. Please wait for your SMS.", "body_sw": "Kiungo kimekatika. Tafadhali subiri SMS."}


def a_public_incident(status: str = "partial_outage", code: str = "stk-push") -> Incident:
    """Public in signed words, and open."""
    draft = a_draft(status, code)
    return publishing.publish_update(update_id=draft.pk, actor=UserFactory(), now=timezone.now()).incident


def after(incident: Incident, notice: str) -> Incident:
    """The incident's next word, in a signed notice's words."""
    component = Component.objects.filter(affected__update__incident=incident).distinct()[0]
    words = Notice.objects.get(code=notice)
    publishing.publish_notice(component=component, notice=words, actor=UserFactory(), now=timezone.now(), reason="seen by hand")
    return Incident.objects.get(pk=incident.pk)


def page_of(row: Any, act: str = "change") -> str:
    """The address of a row's page at the desk."""
    return f"/admin/incidents/{row._meta.model_name}/{row.pk}/{act}/"
