"""Who may do what at the desk: the roles, each a group with exactly these permissions. `manage.py sync_roles` writes them.

Nobody signs their own words, whatever their roles: incidents.signing refuses it to authors, superusers included.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission

AUTHOR, APPROVER, ENGINEER, AUDITOR = "Author", "Approver", "Engineer", "Auditor"

_SEE = (
    "incidents.view_incident",
    "incidents.view_incidentupdate",
    "incidents.view_component",
    "incidents.view_componentgroup",
    "incidents.view_notice",
    "incidents.view_recordentry",
    "probes.view_probe",
    "probes.view_probeschedule",
    "probes.view_result",
    "probes.view_vantage",
    "subscribers.view_subscriber",
    "subscribers.view_notification",
    "subscribers.view_delivery",
)
_SEE_ACTS = ("incidents.view_auditevent",)
_SEE_PEOPLE = ("auth.view_user", "auth.view_group")

# Both writers' roles may press Publish: the gates refuse words that carry no signature.
ROLES: dict[str, tuple[str, ...]] = {
    AUTHOR: (
        *_SEE,
        "incidents.add_incident",
        "incidents.add_incidentupdate",
        "incidents.change_incidentupdate",
        "incidents.publish_incidentupdate",
        "incidents.add_notice",
        "incidents.change_notice",
    ),
    APPROVER: (*_SEE, *_SEE_ACTS, "incidents.sign_incidentupdate", "incidents.publish_incidentupdate"),
    ENGINEER: (
        *_SEE,
        "probes.add_probe",
        "probes.change_probe",
        "probes.add_probeschedule",
        "probes.change_probeschedule",
        "probes.add_vantage",
        "probes.change_vantage",
    ),
    AUDITOR: (*_SEE, *_SEE_ACTS, *_SEE_PEOPLE),
}


class UnknownPermission(LookupError):
    """A permission of a role is not in the database yet."""


def sync() -> list[str]:
    """Give each role's group exactly its permissions; answers the roles. Doing it twice changes nothing.

    Raises UnknownPermission when migrations have not made them. Groups that are no role are left alone.
    """
    for role, wanted in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set(_permissions(wanted))
    return list(ROLES)


def _permissions(wanted: tuple[str, ...]) -> list[Permission]:
    found = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type").filter(
            codename__in=[name.partition(".")[2] for name in wanted]
        )
    }
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise UnknownPermission(f"These permissions do not exist yet: {', '.join(missing)}. Run `manage.py migrate` first.")
    return [found[name] for name in wanted]
