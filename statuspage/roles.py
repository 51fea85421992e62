"""Who may do what at the desk: the roles, each a group with exactly these permissions. `manage.py sync_roles` writes them.

Nobody signs their own words, whatever their roles: incidents.signing refuses it to authors, superusers included.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from incidents import rights
from incidents.statements import Role

AUTHOR, APPROVER, ENGINEER, TRANSLATOR, AUDITOR = "Author", "Approver", "Engineer", "Translator", "Auditor"
PAGE_ADMIN, USER_ADMIN, BREAK_GLASS = "Page admin", "User admin", "Break glass"
SECURITY, OPERATIONS, DATA_PROTECTION, FINANCE = "Security", "Operations", "Data protection", "Finance"


def _each(verb: str, *models: str) -> tuple[str, ...]:
    return tuple(f"incidents.{verb}_{model}" for model in models)


_WORDS = tuple(rights.SIGNED.values())
_SEE = (
    *_each("view", *_WORDS, "incident", "scheduledmaintenance", "claim", "filing", "component", "componentgroup"),
    *_each("view", "notice", "recordentry", "internalnote", "override"),
    "probes.view_probe",
    "probes.view_probeschedule",
    "probes.view_result",
    "probes.view_vantage",
    "subscribers.view_subscriber",
    "subscribers.view_notification",
    "subscribers.view_delivery",
    "statuspage.view_dutyshift",
    "statuspage.view_staffalert",
    "statuspage.view_token",
)
_SEE_ACTS = ("incidents.view_auditevent",)
_SEE_PEOPLE = ("auth.view_user", "auth.view_group")
_ROSTER = ("statuspage.add_dutyshift", "statuspage.change_dutyshift")
_FACTS = _each("add", "internalnote", "override") + _each("change", "incident", "override", "statementground")
_SIGN_STATEMENT = ("incidents.sign_statement", "incidents.add_internalnote")
_SIGN_SECURITY = (*_SIGN_STATEMENT, rights.SIGN_SECURITY)
_BREACHES = _each("add", "breach") + _each("change", "breach") + _each("view", "breach")

# Both writers' roles may press Publish: the gates refuse words that carry no signature.
ROLES: dict[str, tuple[str, ...]] = {
    AUTHOR: (
        *_SEE,
        *_FACTS,
        *_each("add", *_WORDS, "incident", "scheduledmaintenance", "claim", "notice", "filing"),
        *_each("change", *_WORDS, "scheduledmaintenance", "claim", "notice", "filing"),
        *_each("publish", *_WORDS),
        rights.FREEZE,
    ),
    APPROVER: (
        *_SEE,
        *_SEE_ACTS,
        *_each("sign", *_WORDS),
        *_each("publish", *_WORDS),
        "incidents.add_internalnote",
        "incidents.redact_recordentry",
        rights.FREEZE,
        *_ROSTER,
    ),
    ENGINEER: (
        *_SEE,
        *_FACTS,
        "probes.add_probe",
        "probes.change_probe",
        "probes.add_probeschedule",
        "probes.change_probeschedule",
        "probes.add_vantage",
        "probes.change_vantage",
        "incidents.tick_phrase",
        rights.FREEZE,
    ),
    TRANSLATOR: (*_SEE, rights.TRANSLATE),
    PAGE_ADMIN: (
        *_SEE,
        *_each("add", "component", "componentgroup", "notice"),
        *_each("change", "component", "componentgroup", "notice"),
        "subscribers.add_subscriber",
        "subscribers.change_subscriber",
        "statuspage.add_token",
        "statuspage.change_token",
        rights.FREEZE,
        *_ROSTER,
    ),
    USER_ADMIN: (*_SEE_PEOPLE, *_SEE_ACTS, "auth.add_user", "auth.change_user", "statuspage.view_dutyshift", *_ROSTER),
    AUDITOR: (*_SEE, *_SEE_ACTS, *_SEE_PEOPLE),
    # Given beside another role, to few: publishing free text alone with a typed reason.
    BREAK_GLASS: (*_SEE, rights.BREAK_GLASS),
    # The heads who sign what is said of data and funds, each in a role of their own.
    SECURITY: (*_SEE, *_SIGN_SECURITY, *_BREACHES, "incidents.change_statementground"),
    OPERATIONS: (*_SEE, *_SIGN_STATEMENT),
    DATA_PROTECTION: (
        *_SEE,
        *_SEE_ACTS,
        *_SIGN_SECURITY,
        *_BREACHES,
        *_each("add", "filing"),
        *_each("change", "filing"),
        "subscribers.export_subscriber",
    ),
    FINANCE: (*_SEE, *_SIGN_STATEMENT),
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
    known = {
        f"{app}.{codename}": pk
        for pk, app, codename in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    if missing := sorted({name for wanted in ROLES.values() for name in wanted} - known.keys()):
        raise UnknownPermission(f"These permissions do not exist yet: {', '.join(missing)}. Run `manage.py migrate` first.")
    with transaction.atomic():
        Group.objects.bulk_create([Group(name=role) for role in ROLES], ignore_conflicts=True)
        groups = dict(Group.objects.filter(name__in=ROLES).values_list("name", "pk"))
        _give({(groups[role], known[name]) for role, wanted in ROLES.items() for name in wanted}, groups.values())
    return list(ROLES)


def _give(wanted: set[tuple[int, int]], groups: Iterable[int]) -> None:
    """Pairs of group and permission, and no other for these groups."""
    rows = Group.permissions.through.objects.filter(group__in=groups)
    given = {(group, permission): pk for pk, group, permission in rows.values_list("pk", "group_id", "permission_id")}
    rows.filter(pk__in=[given[pair] for pair in given.keys() - wanted]).delete()
    rows.model.objects.bulk_create(
        [rows.model(group_id=group, permission_id=permission) for group, permission in sorted(wanted - given.keys())],
        ignore_conflicts=True,
    )
