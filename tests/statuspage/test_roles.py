"""The desk's roles."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.core.management.base import CommandError

from statuspage import roles

pytestmark = pytest.mark.django_db


def permissions(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role).select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in rows}


def test_the_command_gives_each_role_exactly_its_permissions_and_may_run_twice() -> None:
    out = StringIO()
    call_command("sync_roles", stdout=out)
    call_command("sync_roles", stdout=out)
    names = "Author, Approver, Engineer, Translator, Page admin, User admin, Auditor, Break glass, "
    names += "Security, Operations, Data protection, Finance"
    assert out.getvalue().splitlines()[0] == f"Roles: {names}."
    for role, wanted in roles.ROLES.items():
        assert permissions(role) == set(wanted)


def test_a_permission_given_by_hand_is_taken_back() -> None:
    roles.sync()
    extra = Permission.objects.get(codename="delete_incident")
    Group.objects.get(name=roles.AUTHOR).permissions.add(extra)
    roles.sync()
    assert "incidents.delete_incident" not in permissions(roles.AUTHOR)


def test_a_group_that_is_no_role_is_left_alone() -> None:
    Group.objects.create(name="Choir").permissions.add(Permission.objects.get(codename="view_incident"))
    roles.sync()
    assert permissions("Choir") == {"incidents.view_incident"}


def test_no_role_writes_and_signs_and_none_deletes() -> None:
    for wanted in roles.ROLES.values():
        assert not {"incidents.change_incidentupdate", "incidents.sign_incidentupdate"} <= set(wanted)
        assert not [name for name in wanted if ".delete_" in name]


def test_an_auditor_only_sees() -> None:
    assert all(".view_" in name for name in roles.ROLES[roles.AUDITOR])


def test_before_migrate_the_command_says_what_to_run() -> None:
    Permission.objects.filter(codename="sign_incidentupdate").delete()
    with pytest.raises(CommandError, match=r"sign_incidentupdate.*migrate"):
        call_command("sync_roles")
