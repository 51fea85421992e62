"""What forbids a document of any kind to go out, beside what its own kind forbids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from incidents import corrections, gates, reviews, stating, ticks, windows
from incidents.blockers import Blocker
from incidents.languages import by_language
from incidents.models import Correction, Redress, Review
from incidents.models.publishable import Document
from incidents.signing import signature_state
from incidents.words import Publication


def blockers(draft: Document, own: Sequence[Blocker], *, now: datetime) -> list[Blocker]:
    """`own`, those of its kind, then those of every kind. What both say is said once, by the kind: it knows better."""
    refused = gates.phrase_blockers(
        ticks.texts_of(draft),
        ticked=ticks.ticked(draft),
        may_say_maintenance=draft.may_say_maintenance() or _is_about_announced_work(draft, now),
        duplicates_open=stating.duplicates_open(draft.facts().get("incident") or ""),
    )
    said = {(blocker.code, blocker.field.rpartition(".")[2]) for blocker in own}
    found = [*gates.draft_blockers(draft.publication), *own]
    found += [blocker for blocker in refused if (blocker.code, blocker.field.rpartition(".")[2]) not in said]
    if not any(blocker.field == "signature" for blocker in own):
        found += gates.signature_blockers(signature_state(draft))
    return found


def _is_about_announced_work(draft: Document, now: datetime) -> bool:
    """Is it about an incident of which the word may be used, since announced work had begun?"""
    if isinstance(draft, Correction):
        if draft.announcement:
            return windows.is_any_announced()
        about = draft.update or draft.redress
        return about is not None and windows.may_speak_of(incident=about.incident, now=now)
    return isinstance(draft, Redress | Review) and windows.may_speak_of(incident=draft.incident, now=now)


def of_correction(correction: Correction) -> list[Blocker]:
    words, said = correction.words(), corrections.said(correction.of)
    found = gates.language_blockers({**words, "reason": by_language(correction.reason)})
    if not words:
        found.append(Blocker("nothing_to_correct", "body", "It changes nothing: write the words as they should have been."))
    for field in (field for field in words if field not in said):
        message = f"It said nothing of {field.replace('_', ' ')}: say it in a new update."
        found.append(Blocker("nothing_to_correct", field, message))
    if not correction.of.is_published:
        found.append(Blocker("not_public", "update", "What it corrects is not public: change the draft instead."))
    return found


def of_redress(redress: Redress) -> list[Blocker]:
    found = gates.language_blockers({field: by_language(getattr(redress, field)) for field in redress.text_fields})
    if redress.incident.publication != Publication.PUBLISHED:
        found.append(Blocker("not_public", "incident", "The incident is not public yet: publish its first update."))
    return found


def of_review(review: Review, *, now: datetime) -> list[Blocker]:
    """What its own kind forbids of a review."""
    return reviews.blockers(_review_facts(review, now))


def _review_facts(review: Review, now: datetime) -> reviews.ReviewFacts:
    return reviews.ReviewFacts(
        incident_status=review.incident.status,
        is_public=review.incident.publication == Publication.PUBLISHED,
        cause_known=review.cause_known,
        cause_due_at=review.cause_due_at,
        prevention=[
            reviews.Measure(by_language(item.get("what", {})), by_language(item.get("owner", {})), item.get("by", ""))
            for item in review.prevention
        ],
        now=now,
        **{field: by_language(getattr(review, field)) for field in review.text_fields},
    )
