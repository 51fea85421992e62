"""The desk's menu: what one does, in the order of a bad hour; each line only for who may see it."""

from __future__ import annotations

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
    """unfold's SIDEBAR navigation; groups without a line for this person are left out."""
    shown = []
    for title, entries in _MENU:
        items = [_item(request, *entry) for entry in entries if _may(request, entry[3])]
        if items:
            shown.append({"title": title, "items": items})
    return shown


def here(request: HttpRequest) -> dict[str, Any] | None:
    """The menu's line that this page belongs to; None on the dashboard and on pages that stand in no line."""
    lines = [item for group in menu(request) for item in group["items"] if item["here"]]
    return next((line for line in lines if line["link"] != reverse("admin:index")), None)


def _may(request: HttpRequest, permission: str) -> bool:
    return not permission or request.user.has_perm(permission)


def _item(request: HttpRequest, title: str, icon: str, name: str, permission: str) -> dict[str, Any]:
    link = reverse(name)
    here = request.path == link or (name != "admin:index" and request.path.startswith(link))
    return {"title": title, "icon": icon, "link": link, "here": here}
