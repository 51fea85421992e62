"""Which permission each act of a person needs: one table. `audit.log` asks it, so nothing is done, and kept, without its right.

Machines and the command line act without a person, and are not asked. Nobody signs their own words whatever they hold: signing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

TRANSLATE = "incidents.translate_words"
SIGN_SECURITY = "incidents.sign_security_update"
FREEZE = "statuspage.freeze_publishing"
BREAK_GLASS = "incidents.break_glass"

# What one person writes, another signs and then goes out: the noun of its acts, and its model.
SIGNED = {
    "update": "incidentupdate",
    "correction": "correction",
    "redress": "redress",
    "maintenance_update": "maintenanceupdate",
    "announcement": "announcement",
    "review": "review",
    "statement": "statement",
    "rebuttal": "rebuttal",
    "withdrawal": "withdrawal",
}


def _of_signed(noun: str, model: str) -> dict[str, tuple[str, ...]]:
    write = (f"incidents.change_{model}",)
    return {
        f"{noun}.add": (f"incidents.add_{model}",),
        f"{noun}.edit": (*write, TRANSLATE),
        f"{noun}.discard": write,
        f"{noun}.request_signature": (*write, TRANSLATE),
        f"{noun}.sign": (f"incidents.sign_{model}",),
        f"{noun}.send_back": (f"incidents.sign_{model}",),
        f"{noun}.publish": (f"incidents.publish_{model}",),
        f"{noun}.tick": ("incidents.tick_phrase",),
    }


# Any one of an act's permissions is enough.
RIGHTS: dict[str, tuple[str, ...]] = {
    **{act: needed for noun, model in SIGNED.items() for act, needed in _of_signed(noun, model).items()},
    "update.sign": ("incidents.sign_incidentupdate", SIGN_SECURITY),  # which of them: signing.sign
    "update.send_back": ("incidents.sign_incidentupdate", SIGN_SECURITY),
    "update.break_glass": (BREAK_GLASS,),
    "update.trial": ("incidents.change_incidentupdate", "incidents.sign_incidentupdate", TRANSLATE),
    "update.set_time": ("incidents.publish_incidentupdate",),
    "update.take_time_back": ("incidents.publish_incidentupdate",),
    "update.sign_after": ("incidents.sign_incidentupdate",),
    "incident.note": ("incidents.add_internalnote",),
    "incident.time": ("incidents.change_incident",),
    "incident.impact": ("incidents.change_incident",),
    "incident.security": ("incidents.change_statement", "incidents.sign_statement", "incidents.change_incident"),
    "incident.detected_by": ("incidents.change_incident",),
    "incident.link": ("incidents.change_incident",),
    "incident.unlink": ("incidents.change_incident",),
    "incident.merge": ("incidents.publish_incidentupdate",),
    "incident.ask_to_withdraw": ("incidents.publish_incidentupdate",),
    "incident.withdraw": ("incidents.publish_incidentupdate",),
    "incident.close": ("incidents.publish_incidentupdate",),
    "filing.add": ("incidents.add_filing", "incidents.sign_statement"),
    "filing.take_back": ("incidents.change_filing", "incidents.sign_statement"),
    "maintenance.end_series": ("incidents.change_maintenanceupdate",),
    "announcement.withdraw": ("incidents.publish_announcement",),
    "statement.ground": ("incidents.change_statement", "incidents.sign_statement", "incidents.change_statementground"),
    "breach.open": ("incidents.add_breach",),
    "breach.close": ("incidents.change_breach",),
    "claim.log": ("incidents.add_claim",),
    "claim.see": ("incidents.change_claim",),
    "claim.move": ("incidents.change_claim",),
    "rebuttal.step": ("incidents.change_rebuttal", "incidents.sign_rebuttal"),
    "rebuttal.review": ("incidents.change_rebuttal",),
    "rebuttal.review_end": ("incidents.change_rebuttal",),
    "notice.add": ("incidents.add_notice",),
    "notice.edit": ("incidents.change_notice", TRANSLATE),
    "notice.sign": ("incidents.sign_incidentupdate",),
    "notice.withdraw": ("incidents.sign_incidentupdate",),
    "override.set": ("incidents.add_override",),
    "override.end": ("incidents.change_override",),
    "record.redact": ("incidents.redact_recordentry",),
    "component.add": ("incidents.add_component",),
    "component.edit": ("incidents.change_component",),
    "componentgroup.add": ("incidents.add_componentgroup",),
    "componentgroup.edit": ("incidents.change_componentgroup",),
    "probe.add": ("probes.add_probe",),
    "probe.edit": ("probes.change_probe",),
    "probe.pause": ("probes.change_probe",),
    "probe.resume": ("probes.change_probe",),
    "probe.run": ("probes.change_probe",),
    "probe.push": ("probes.change_probe",),
    "probes.load": ("probes.change_probe",),
    "probeschedule.add": ("probes.add_probeschedule",),
    "probeschedule.edit": ("probes.change_probeschedule",),
    "vantage.add": ("probes.add_vantage",),
    "vantage.edit": ("probes.change_vantage",),
    "user.add": ("auth.add_user",),
    "user.edit": ("auth.change_user",),
    "user.invite": ("auth.add_user",),
    "user.ask_role": ("auth.change_user",),
    "user.give_role": ("auth.change_user",),
    "user.end_sessions": ("auth.change_user",),
    "user.reset_factors": ("auth.change_user",),
    "notification.stop": ("incidents.publish_incidentupdate",),
    "notification.resend": ("incidents.publish_incidentupdate",),
    "subscriber.import": ("subscribers.add_subscriber",),
    "subscriber.unsubscribe": ("subscribers.change_subscriber",),
    "subscriber.export": ("subscribers.export_subscriber",),
    "subscriber.look_up": ("subscribers.change_subscriber", "subscribers.export_subscriber"),
    "subscriber.ask": ("subscribers.add_subscriber",),
    "subscriber.note": ("subscribers.change_subscriber",),
    "subscriber.suppress": ("subscribers.change_subscriber",),
    "subscriber.lift_suppression": ("subscribers.change_subscriber",),
    "audit.export": ("incidents.view_auditevent",),
    "publishing.freeze": (FREEZE,),
    "publishing.unfreeze": (FREEZE,),
    "duty.add": ("statuspage.add_dutyshift",),
    "duty.edit": ("statuspage.change_dutyshift",),
    "token.make": ("statuspage.add_token",),
    "token.revoke": ("statuspage.change_token",),
    "alert.acknowledge": ("statuspage.view_staffalert",),
}
# What everyone does for themselves.
OF_ONESELF = frozenset(
    {
        "session.sign_in",
        "token.take",
        "token.give_up",
        "session.sign_out",
        "session.end",
        "user.accept_invitation",
        "user.password",
        "factor.add",
        "factor.remove",
        "push.add",
        "push.remove",
    }
)


class NotPermitted(PermissionDenied):
    """This person's roles do not hold it. Nothing of the act was kept."""


def may(person: User, act: str) -> bool:
    """Does a person's roles hold an act? One that stands in no table is for superusers alone."""
    if act in OF_ONESELF:
        return True
    return person.is_active and any(person.has_perm(name) for name in RIGHTS.get(act, ("of.nobody",)))


def require(person: User | None, act: str) -> None:
    """Raise NotPermitted where a person's roles do not hold the act."""
    if person is not None and not may(person, act):
        raise NotPermitted(f"Your roles do not let you do this ({act}). Ask whoever gives out roles.")


def require_words_of(person: User, act: str, before: Mapping[str, Any], after: Mapping[str, Any], *, source: str) -> None:
    """Who may only translate has changed nothing but words in languages other than `source`. Values as `covered` answers them."""
    full = [name for name in RIGHTS[act] if name != TRANSLATE]
    if not any(person.has_perm(name) for name in full) and not is_translation(before, after, source=source):
        raise NotPermitted("A translator changes the words of other languages only. Ask an author for the rest.")


def is_translation(before: Mapping[str, Any], after: Mapping[str, Any], *, source: str) -> bool:
    """Pure: do two versions differ in nothing but texts of languages other than `source`?"""
    return _without_translations(before, source) == _without_translations(after, source)


def _without_translations(version: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Texts stand as {field: {language: text}}, or as {"field.language": text} under `texts`."""
    kept: dict[str, Any] = {}
    for name, value in version.items():
        if name == "texts" and isinstance(value, Mapping):
            kept[name] = {path: text for path, text in value.items() if path.rpartition(".")[2] == source}
        elif isinstance(value, Mapping) and source in value:
            kept[name] = value[source]
        else:
            kept[name] = value
    return kept
