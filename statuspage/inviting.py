"""People of the desk: invited by mail, given roles, sent a new link, put out. Nobody gives roles to themselves."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from incidents import audit
from statuspage import roles
from statuspage.models import RoleGrant

NEEDS_TWO = frozenset({roles.APPROVER, roles.BREAK_GLASS, roles.USER_ADMIN})  # no one person makes who signs, or who makes them


class InvitationRefused(Exception):
    """Nobody was invited. The message says what to change."""


def invite(*, username: str, email: str, name: tuple[str, str], groups: Collection[Group], actor: User, now: datetime) -> User:
    """Make an account without a password and mail its owner a link; answers it. Raises InvitationRefused."""
    if User.objects.filter(username__iexact=username).exists():
        raise InvitationRefused(f"Somebody is called {username} already: choose another name.")
    if User.objects.filter(email__iexact=email).exists():
        raise InvitationRefused(f"{email} has an account already: send that one a new link.")
    with transaction.atomic():
        person = User(username=username, email=email, first_name=name[0], last_name=name[1], is_staff=True)
        person.set_unusable_password()
        person.save()
        person.groups.set([group for group in groups if group.name not in NEEDS_TWO])
        _log("user.invite", person, actor, now, {"email": email, "roles": sorted(group.name for group in groups)})
        ask_roles(person=person, groups=groups, actor=actor, now=now)
    _mail(person)
    return person


def invite_again(*, person: User, actor: User, now: datetime) -> None:
    """A new link: it sets the password, and no earlier link works once it was used. Raises InvitationRefused."""
    if not person.email:
        raise InvitationRefused("They have no mail address: give one first.")
    _log("user.invite", person, actor, now, {"email": person.email, "again": True})
    _mail(person)


def end_sessions(*, person: User, actor: User, now: datetime) -> int:
    """Sign a person out everywhere; answers from how many places."""
    from allauth.usersessions.models import UserSession

    with transaction.atomic():
        sessions = list(UserSession.objects.filter(user=person))
        for session in sessions:
            session.end()
        _log("user.end_sessions", person, actor, now, {"sessions": len(sessions)})
    return len(sessions)


def reset_factors(*, person: User, actor: User, now: datetime) -> None:
    """For whoever lost their phone and their recovery codes: they sign in with the password and enrol anew. Never for oneself."""
    from allauth.mfa.models import Authenticator

    if person.pk == actor.pk:
        raise InvitationRefused("Somebody else must reset your second factor.")
    with transaction.atomic():
        removed = sorted(Authenticator.objects.filter(user=person).values_list("type", flat=True))
        Authenticator.objects.filter(user=person).delete()
        _log("user.reset_factors", person, actor, now, {"removed": removed})
    end_sessions(person=person, actor=actor, now=now)


def ask_roles(*, person: User, groups: Collection[Group], actor: User, now: datetime) -> list[RoleGrant]:
    """Ask that a second person give those of the roles that need two; answers what waits now. Others are left alone."""
    with transaction.atomic():
        held = set(person.groups.values_list("pk", flat=True))
        for group in groups:
            if group.name in NEEDS_TWO and group.pk not in held:
                asked = {"asked_by": actor, "asked_at": now}
                _, is_new = RoleGrant.objects.get_or_create(person=person, group=group, given_at=None, defaults=asked)
                if is_new:
                    _log("user.ask_role", person, actor, now, {"role": group.name})
    return waiting_roles(person)


def waiting_roles(person: User) -> list[RoleGrant]:
    """Roles that were asked for this person, and that nobody has given yet."""
    return list(RoleGrant.objects.filter(person=person, given_at=None).select_related("group", "asked_by"))


def give_role(*, grant: RoleGrant, actor: User, now: datetime) -> None:
    """The second person's yes. Refused to whoever asked for it, and to whom it is for. Twice changes nothing."""
    with transaction.atomic():
        grant = RoleGrant.objects.select_related("person", "group").get(pk=grant.pk)
        if actor.pk in (grant.asked_by_id, grant.person_id):
            raise InvitationRefused(f"{grant.group} needs two people: another user admin must give it.")
        if RoleGrant.objects.filter(pk=grant.pk, given_at=None).update(given_at=now, given_by=actor):
            grant.person.groups.add(grant.group)
            _log("user.give_role", grant.person, actor, now, {"role": grant.group.name})


def find(*, uid: str, token: str) -> User | None:
    """Whose invitation it is; None for one that was used or has ended."""
    try:
        person = User.objects.get(pk=int(urlsafe_base64_decode(uid)), is_active=True)
    except (ValueError, OverflowError, User.DoesNotExist):
        return None
    return person if default_token_generator.check_token(person, token) else None


def accept(*, person: User, password: str, now: datetime) -> None:
    """The invited person's own password; the link is used up by it."""
    with transaction.atomic():
        person.set_password(password)
        person.save(update_fields=["password"])
        audit.log(act="user.accept_invitation", actor=person, now=now, target=person.get_username())


def role_problem(*, person: User, wanted: Collection[Group], actor: User) -> str:
    """Why these roles may not be given by this person; "" if they may."""
    held = {group.name for group in person.groups.all()} if person.pk else set()
    given = {group.name for group in wanted} - held
    if person.pk == actor.pk and given:
        return "Nobody gives roles to themselves: ask another user admin."
    return ""


def _log(act: str, person: User, actor: User, now: datetime, details: dict[str, object]) -> None:
    audit.log(act=act, actor=actor, now=now, target=person.get_username(), details=details)


def _mail(person: User) -> None:
    uid, token = urlsafe_base64_encode(force_bytes(person.pk)), default_token_generator.make_token(person)
    link = settings.BASE_URL + reverse("accept_invitation", args=[uid, token])
    text = render_to_string("email/invitation.txt", {"person": person, "link": link, "provider": settings.PROVIDER_NAME})
    subject = f"{settings.PROVIDER_NAME} desk: your account"
    try:
        EmailMessage(subject, text, settings.MAIL_FROM or None, [person.email]).send()
    except (OSError, SMTPException) as error:
        raise InvitationRefused(
            f"The account is there, but its mail could not be sent ({error}): send a new link later."
        ) from error
