"""An incident's clocks and filings from its rows: which deadlines run, drafts of what they ask for, and who filed what when.

Drafts only: a person files, and says so. Nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Prefetch
from django.utils.translation import gettext, override

from incidents import audit, clocks, corrections, figures, filings, profiles, record
from incidents.clocks import Deadline, Rule, Situation
from incidents.drafts import TimelineError
from incidents.figures import Figures, Moments, Word
from incidents.languages import by_language
from incidents.models import AffectedComponent, Breach, Correction, Filing, Incident, IncidentUpdate, Review, ScheduledMaintenance
from incidents.models.incident import MORE_WORDS
from incidents.places import COUNTIES
from incidents.words import ATTRIBUTION_WORDS, CHANNEL_WORDS, SHARE_WORDS, ComponentStatus, Publication

# --- Figures ---------------------------------------------------------------------------------------


def moments_of(incident: Incident) -> Moments:
    """Its timestamps by the names that figures and clocks use."""
    reviews = incident.reviews.filter(publication=Publication.PUBLISHED).order_by("record_seq").values_list("published_at")
    reviewed = next((at for (at,) in reviews), None)
    return Moments(
        first_customer_impact=incident.started_at,
        detected=incident.detected_at,
        aware=incident.aware_at,
        executive_informed=incident.executive_informed_at,
        classified_major=incident.classified_major_at,
        first_public_update=incident.first_word_at,
        identified=incident.identified_at,
        mitigated=incident.mitigated_at,
        resolved=incident.resolved_at,
        review_published=reviewed and (incident.review_published_at or reviewed),
    )


def figures_of(incident: Incident, *, now: datetime) -> Figures:
    """Time to detect, to first word, to restore, longest silence, duration, promises kept: computed from the rows."""
    said = incident.updates.filter(publication=Publication.PUBLISHED).order_by("record_seq")
    words = [Word(at, next_by) for at, next_by in said.values_list("display_at", "next_update_by") if at]
    if words and incident.first_public_update_at:
        words[0] = Word(incident.first_public_update_at, words[0].next_by)
    return figures.derive(moments_of(incident), words, now=now)


# --- Deadlines -------------------------------------------------------------------------------------


def deadlines_of(incident: Incident, *, now: datetime) -> list[Deadline]:
    """Every clock that applies to it by the profiles switched on here, the most pressing first."""
    return clocks.deadlines(_profiles(), situation_of(incident), zone=_zone(), now=now)


def situation_of(incident: Incident) -> Situation:
    """What the clocks look at, from the rows."""
    more = _more_moments(incident)
    return Situation(
        moments=moments_of(incident).known() | more,
        flags=clocks.flags(
            impact=incident.impact,
            security=incident.security_related,
            breach="breach_aware" in more,
            deployment=settings.DEADLINE_CONDITIONS,
        ),
        filed=_filed(incident),
        holidays=frozenset(settings.HOLIDAYS),
    )


def _more_moments(incident: Incident) -> dict[str, datetime]:
    """Customers are told by the first public word that subscribers were told of. A breach is known since its record was
    opened, while it is open."""
    told = incident.updates.filter(publication=Publication.PUBLISHED, deliver_notifications=True).order_by("record_seq")
    first = told.values_list("published_at", flat=True).first()
    breach = Breach.objects.filter(incident=incident, closed_at=None).order_by("opened_at").first()
    found = {"customers_told": first, "breach_aware": breach.opened_at if breach else None}
    return {name: moment for name, moment in found.items() if moment}


def deadlines_of_planned(planned: ScheduledMaintenance, *, now: datetime) -> list[Deadline]:
    """Every clock that applies to planned work: notice given beforehand, and what is owed when it runs late."""
    flags = clocks.flags(planned=True, deployment=settings.DEADLINE_CONDITIONS)
    holidays = frozenset(settings.HOLIDAYS)
    situation = Situation(moments=_planned_moments(planned), flags=flags, filed=_filed(planned), holidays=holidays)
    return clocks.deadlines(_profiles(), situation, zone=_zone(), now=now)


def _filed(about: Incident | ScheduledMaintenance) -> dict[str, datetime]:
    return {filing.code: filing.filed_at for filing in about.filings.filter(taken_back_at=None)}


def _planned_moments(planned: ScheduledMaintenance) -> dict[str, datetime]:
    told = planned.updates.filter(publication=Publication.PUBLISHED, deliver_notifications=True).order_by("record_seq")
    moments = {
        "planned_known": planned.created_at,
        "planned_announced": planned.announced_at,
        "planned_start": planned.starts_at,
        "planned_end": planned.ends_at,
        "planned_finished": planned.finished_at,
        "customers_told": told.values_list("published_at", flat=True).first(),
    }
    return {name: moment for name, moment in moments.items() if moment}


def _profiles() -> list[clocks.Profile]:
    return clocks.chosen(profiles.load(), settings.DEADLINE_PROFILES)


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.PAGE_TIME_ZONE)


# --- Filings ---------------------------------------------------------------------------------------


def rule_of(code: str) -> Rule:
    """The rule of that code in the profiles switched on here. Raises TimelineError for an unknown one."""
    rules = {rule.code: rule for profile in _profiles() for rule in profile.rules}
    if code not in rules:
        raise TimelineError(f"No deadline here is called {code}: there are {', '.join(sorted(rules))}.")
    return rules[code]


def draft_filing(*, incident: Incident, code: str, now: datetime, language: str = "en") -> str:
    """The text that a deadline asks for, filled as far as the rows know; what they do not know shows as a gap."""
    rule = rule_of(code)
    if language not in filings.languages(rule):
        raise TimelineError(f"{code} has no draft in “{language}”.")
    with override(language):
        return filings.draft(rule, language=language, values=_values(incident, language, now))


def draft_of_planned(*, planned: ScheduledMaintenance, code: str, language: str = "en") -> str:
    """The text that a deadline of planned work asks for. Raises TimelineError for a code or language that is not there."""
    rule = rule_of(code)
    if language not in filings.languages(rule):
        raise TimelineError(f"{code} has no draft in “{language}”.")
    rows = planned.plan.affected.select_related("component") if planned.plan else []
    values = {
        "title": _in(planned.name, language),
        "provider": settings.PROVIDER_NAME,
        "reference": planned.public_id,
        "public_url": f"{settings.BASE_URL}/maintenance/{planned.public_id}",
        "services": ", ".join(_in(row.component.name, language) for row in rows),
        **filings.moment_values(_planned_moments(planned), language=language, zone=_zone()),
    }
    with override(language):
        return filings.draft(rule, language=language, values=values)


def mark_filed(
    *,
    about: Incident | ScheduledMaintenance,
    code: str,
    filed_at: datetime,
    actor: User,
    now: datetime,
    reference: str = "",
    text: str = "",
) -> Filing:
    """Say that a person handed it in, and when. Raises TimelineError when it is marked already, or for a time to come."""
    filing_code = rule_of(code).filing
    if filed_at > now:
        raise TimelineError("filed_at: that time has not come yet.")
    if isinstance(about, Incident) and filed_at < about.started_at:
        raise TimelineError("filed_at: that was before the incident began.")
    whose = {"incident": about} if isinstance(about, Incident) else {"planned": about}
    try:
        with transaction.atomic():
            filing = Filing.objects.create(
                code=filing_code, filed_at=filed_at, filed_by=actor, reference=reference.strip(), text=text, **whose
            )
            details = {"code": filing_code, "filed_at": record.timestamp(filed_at), "reference": filing.reference}
            audit.log(act="filing.add", actor=actor, now=now, target=about.public_id, details=details)
    except IntegrityError:
        raise TimelineError(f"{filing_code} is marked as filed already: take that back first if it is wrong.") from None
    return filing


def take_back_filing(*, filing: Filing, reason: str, actor: User, now: datetime) -> None:
    """It was not filed, or not then: its clock runs again. A second call changes nothing."""
    if not reason.strip():
        raise TimelineError("Say what was wrong.")
    with transaction.atomic():
        if Filing.objects.filter(pk=filing.pk, taken_back_at=None).update(taken_back_at=now):
            details = {"code": filing.code, "reason": reason.strip()}
            audit.log(act="filing.take_back", actor=actor, now=now, target=filing.about.public_id, details=details)


# --- What a draft is filled with -------------------------------------------------------------------


def _values(incident: Incident, language: str, now: datetime) -> dict[str, str]:
    """By slot; a slot that is missing or empty stays a gap."""
    moments, zone = moments_of(incident), _zone()
    lasted = figures_of(incident, now=now).duration
    return {
        "title": corrections.name_of(incident).get(language, ""),
        "provider": settings.PROVIDER_NAME,
        "reference": incident.public_id,
        "public_url": f"{settings.BASE_URL}/incidents/{incident.public_id}",
        "status": incident.get_status_display(),
        "security": incident.get_security_related_display(),
        "detected_by": incident.get_detected_by_display(),
        "services": ", ".join(_services(incident, language)),
        "duration": filings.duration_words(lasted, language) if lasted else "",
        **filings.moment_values(moments.known() | _more_moments(incident), language=language, zone=zone),
        **_said(incident, language),
        **_reviewed(incident, language),
    }


def _services(incident: Incident, language: str) -> list[str]:
    """Every service that its public words said was in trouble."""
    rows = AffectedComponent.objects.filter(update__incident=incident, update__publication=Publication.PUBLISHED)
    troubled = rows.exclude(new_status=ComponentStatus.OPERATIONAL).order_by("component__position", "component_id")
    return list(dict.fromkeys(_in(row.name, language) for row in troubled))


def _said(incident: Incident, language: str) -> dict[str, str]:
    """The last thing its updates said, as corrected, of who, where, how much, and what to do."""
    corrected = Correction.objects.filter(publication=Publication.PUBLISHED).order_by("record_seq")
    updates = incident.updates.filter(publication=Publication.PUBLISHED).order_by("record_seq")
    last = _last_said(updates.prefetch_related(Prefetch("corrections", corrected)))
    words = {field: _in(last[field], language) for field in MORE_WORDS if field in last}
    return {
        "advice": words.get("what_to_do", ""),
        "alternatives": words.get("still_works", ""),
        "customers_affected": words.get("who_affected", ""),
        "attribution": gettext(ATTRIBUTION_WORDS[str(last["attribution"])]) if "attribution" in last else "",
        "channels": ", ".join(gettext(CHANNEL_WORDS[channel]) for channel in last.get("channels", [])),
        "areas": ", ".join(COUNTIES[area] for area in last.get("areas", [])),
        "share_affected": _share(last),
    }


def _last_said(updates: Iterable[IncidentUpdate]) -> dict[str, Any]:
    last: dict[str, Any] = {}
    for update in updates:
        stated = {**update.scope(), **corrections.now_said(update.more_words(), update.corrections.all())}
        if "share_affected" in stated:  # what measured an earlier share says nothing of this one
            last.pop("share_source", None)
        last |= stated
    return last


def _share(last: Mapping[str, Any]) -> str:
    if "share_affected" not in last:
        return ""
    share = f"{last['share_affected'] / 10:g} %"
    return gettext(SHARE_WORDS[last["share_source"]]) % {"share": share} if "share_source" in last else share


def _reviewed(incident: Incident, language: str) -> dict[str, str]:
    """What its review says, once there is one."""
    review = Review.objects.filter(incident=incident, publication=Publication.PUBLISHED).order_by("-record_seq").first()
    if review is None:
        return {}
    items = [(_in(item["what"], language), _in(item["owner"], language), item["by"]) for item in review.prevention]
    return {
        "cause": _in(review.cause, language),
        "measures": _in(review.measures, language),
        "compensation": _in(review.compensation, language),
        "prevention": "; ".join(f"{what} ({', '.join(filter(None, (owner, by)))})" for what, owner, by in items),
    }


def _in(text: Any, language: str) -> str:
    return by_language(text).get(language, "")
