"""The desk's menu: what one does, in the order of a bad hour; each line only for who may see it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

_MENU: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "Now",
        (
            ("Dashboard", "dashboard", "admin:index", ""),
            ("Incidents", "error", "admin:incidents_incident_changelist", "incidents.view_incident"),
            ("Updates", "edit_note", "admin:incidents_incidentupdate_changelist", "incidents.view_incidentupdate"),
            ("Planned work", "construction", "admin:incidents_scheduledmaintenance_changelist", "incidents.view_incidentupdate"),
            ("Statements", "shield", "admin:incidents_statement_changelist", "incidents.view_statement"),
            ("Claims", "forum", "admin:incidents_claim_changelist", "incidents.view_claim"),
            ("Answers", "record_voice_over", "admin:incidents_rebuttal_changelist", "incidents.view_rebuttal"),
            ("Reviews", "fact_check", "admin:incidents_review_changelist", "incidents.view_incidentupdate"),
        ),
    ),
    (
        "Words",
        (
            ("Announcements", "breaking_news", "admin:incidents_announcement_changelist", "incidents.view_incidentupdate"),
            ("Notices", "verified", "admin:incidents_notice_changelist", "incidents.view_notice"),
            ("Text packs", "content_copy", "admin:text_packs", "incidents.view_incidentupdate"),
        ),
    ),
    (
        "Duty",
        (
            ("Alerts", "notifications_active", "admin:statuspage_staffalert_changelist", "statuspage.view_staffalert"),
            ("Devices that ring", "phonelink_ring", "admin:push", "statuspage.view_staffalert"),
            ("Duty roster", "event_available", "admin:statuspage_dutyshift_changelist", "statuspage.view_dutyshift"),
            ("Freeze", "ac_unit", "admin:freeze", "statuspage.freeze_publishing"),
        ),
    ),
    (
        "Sending",
        (
            ("Notifications", "campaign", "admin:subscribers_notification_changelist", "subscribers.view_notification"),
            ("Deliveries", "outgoing_mail", "admin:subscribers_delivery_changelist", "subscribers.view_delivery"),
            ("Subscribers", "group", "admin:subscribers_subscriber_changelist", "subscribers.view_subscriber"),
        ),
    ),
    (
        "Measuring",
        (
            ("Probes", "network_check", "admin:probes_probe_changelist", "probes.view_probe"),
            ("Schedules", "schedule", "admin:probes_probeschedule_changelist", "probes.view_probeschedule"),
            ("Outcomes", "monitoring", "admin:probes_result_changelist", "probes.view_result"),
            ("Vantages", "location_on", "admin:probes_vantage_changelist", "probes.view_vantage"),
        ),
    ),
    (
        "Set-up",
        (
            ("Services", "account_tree", "admin:incidents_component_changelist", "incidents.view_component"),
            ("Service groups", "folder", "admin:incidents_componentgroup_changelist", "incidents.view_componentgroup"),
            ("People", "badge", "admin:auth_user_changelist", "auth.view_user"),
            ("Tokens", "key", "admin:statuspage_token_changelist", "statuspage.view_token"),
            ("Roles", "shield_person", "admin:auth_group_changelist", "auth.view_group"),
        ),
    ),
    (
        "Proof",
        (
            ("Record", "link", "admin:incidents_recordentry_changelist", "incidents.view_recordentry"),
            ("Audit log", "receipt_long", "admin:incidents_auditevent_changelist", "incidents.view_auditevent"),
        ),
    ),
)


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """What the side menu shows; groups without a line for this person are left out. Made once a request."""
    made: list[dict[str, Any]] | None = getattr(request, "desk_menu", None)
    if made is None:
        made = request.desk_menu = _menu_for(request.user, request.path)  # type: ignore[attr-defined]
    return made


def here(request: HttpRequest) -> dict[str, Any] | None:
    """The menu's line that this page belongs to; None on the dashboard and on pages that stand in no line."""
    lines = [item for group in menu(request) for item in group["items"] if item["here"]]
    return next((line for line in lines if line["link"] != reverse("admin:index")), None)


def _menu_for(user: Any, at: str) -> list[dict[str, Any]]:
    held = frozenset() if user.is_superuser else user.get_all_permissions()  # has_perm would ask every backend for every line
    shown = []
    for title, entries in _MENU:
        items = [
            _item(text, icon, name, at)
            for text, icon, name, permission in entries
            if not permission or user.is_superuser or permission in held
        ]
        if items:
            shown.append({"title": title, "items": items})
    return shown


def _item(title: str, icon: str, name: str, at: str) -> dict[str, Any]:
    link = _link(name)
    here = at == link or (name != "admin:index" and at.startswith(link))
    return {"title": title, "icon": icon, "link": link, "here": here}


@lru_cache
def _link(name: str) -> str:
    return reverse(name)
