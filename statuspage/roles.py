"""Who may do what at the desk: the roles, each a group with exactly these permissions. `manage.py sync_roles` writes them.

Nobody signs their own words, whatever their roles: incidents.signing refuses it to authors, superusers included.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User

from incidents.statements import Role

AUTHOR, APPROVER, ENGINEER, AUDITOR = "Author", "Approver", "Engineer", "Auditor"
SECURITY, OPERATIONS, DATA_PROTECTION, FINANCE = "Security", "Operations", "Data protection", "Finance"

_SEE = (
    "incidents.view_incident",
    "incidents.view_incidentupdate",
    "incidents.view_component",
    "incidents.view_componentgroup",
    "incidents.view_notice",
    "incidents.view_recordentry",
    "incidents.view_statement",
    "incidents.view_rebuttal",
    "incidents.view_claim",
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
        "incidents.add_statement",
        "incidents.change_statement",
        "incidents.publish_statement",
        "incidents.add_claim",
        "incidents.change_claim",
        "incidents.add_rebuttal",
        "incidents.change_rebuttal",
        "incidents.publish_rebuttal",
    ),
    APPROVER: (
        *_SEE,
        *_SEE_ACTS,
        "incidents.sign_incidentupdate",
        "incidents.publish_incidentupdate",
        "incidents.sign_statement",
        "incidents.publish_statement",
        "incidents.sign_rebuttal",
        "incidents.publish_rebuttal",
    ),
    ENGINEER: (
        *_SEE,
        "probes.add_probe",
        "probes.change_probe",
        "probes.add_probeschedule",
        "probes.change_probeschedule",
        "probes.add_vantage",
        "probes.change_vantage",
        "incidents.tick_phrase",
    ),
    AUDITOR: (*_SEE, *_SEE_ACTS, *_SEE_PEOPLE),
    # The heads who sign what is said of data and funds, each in a role of their own.
    SECURITY: (*_SEE, "incidents.sign_statement", "incidents.add_breach", "incidents.change_breach", "incidents.view_breach"),
    OPERATIONS: (*_SEE, "incidents.sign_statement"),
    DATA_PROTECTION: (
        *_SEE,
        *_SEE_ACTS,
        "incidents.sign_statement",
        "incidents.add_breach",
        "incidents.change_breach",
        "incidents.view_breach",
        "subscribers.export_subscriber",
    ),
    FINANCE: (*_SEE, "incidents.sign_statement"),
}
SIGNS_AS: dict[str, Role] = {
    APPROVER: Role.COMMS_LEAD,
    SECURITY: Role.HEAD_OF_SECURITY,
    OPERATIONS: Role.OPERATIONS,
    DATA_PROTECTION: Role.DATA_PROTECTION_OFFICER,
    FINANCE: Role.CHIEF_FINANCIAL_SERVICES_OFFICER,
}


class UnknownPermission(LookupError):
    """A permission of a role is not in the database yet."""


def held_by(person: User) -> set[Role]:
    """In which roles the person signs statements on data and funds: by the groups they are in."""
    return {SIGNS_AS[name] for name in person.groups.values_list("name", flat=True) if name in SIGNS_AS}


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
