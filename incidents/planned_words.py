"""Pure: the words about planned work that come by themselves. They are signed ahead, with the announcement of the work."""

from __future__ import annotations

from datetime import datetime, tzinfo

from django.utils.translation import gettext, gettext_noop, override

from incidents.languages import codes
from incidents.maintenance import Act, Phase
from incidents.wording import clock_from

# What the public reads for a phase.
PHASE_WORDS: dict[str, str] = {
    Phase.SCHEDULED: gettext_noop("Scheduled"),
    Phase.IN_PROGRESS: gettext_noop("In progress"),
    Phase.VERIFYING: gettext_noop("Making sure"),
    Phase.COMPLETED: gettext_noop("Completed"),
    Phase.CANCELLED: gettext_noop("Cancelled"),
}
_ACTS: dict[str, str] = {
    Act.REMIND: gettext_noop("This planned work begins at %(start)s, as announced."),
    Act.START: gettext_noop("The planned work has begun. It ends by %(end)s."),
    Act.DRAFT_LONGER: gettext_noop("The planned work takes longer than announced. It was to end by %(end)s."),
    Act.COMPLETE: gettext_noop("The planned work is over."),
    Act.OVERRUN: gettext_noop("The planned work has run past its end at %(end)s. What does not work now is a problem."),
}
_STEPS: dict[str, str] = {
    Phase.IN_PROGRESS: _ACTS[Act.START],
    Phase.VERIFYING: gettext_noop("The planned work is done. We are making sure that everything works."),
    Phase.COMPLETED: _ACTS[Act.COMPLETE],
    Phase.CANCELLED: gettext_noop("This planned work will not take place."),
}


def of_act(act: str, *, start: datetime, end: datetime, now: datetime, zone: tzinfo) -> dict[str, str]:
    """The words of what fell due, in every configured language."""
    return _said(_ACTS[act], start, end, now, zone)


def of_step(phase: str, *, start: datetime, end: datetime, now: datetime, zone: tzinfo) -> dict[str, str] | None:
    """The words of a person's step to a phase; None where there are none of their own."""
    return _said(_STEPS[phase], start, end, now, zone) if phase in _STEPS else None


def everything() -> dict[str, dict[str, str]]:
    """Every sentence with its slots left open: what a signature under an announcement covers."""
    sentences = {
        **{f"act.{act}": words for act, words in _ACTS.items()},
        **{f"step.{step}": words for step, words in _STEPS.items()},
    }
    return {key: _in_every_language(words) for key, words in sentences.items()}


def _said(message: str, start: datetime, end: datetime, now: datetime, zone: tzinfo) -> dict[str, str]:
    return {
        code: template % {"start": clock_from(start, now, code, zone), "end": clock_from(end, now, code, zone)}
        for code, template in _in_every_language(message).items()
    }


def _in_every_language(message: str) -> dict[str, str]:
    said = {}
    for code in codes():
        with override(code):
            said[code] = gettext(message)
    return said
