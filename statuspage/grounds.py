"""Acts that may shake what was said of data and funds, each with what follows from it in the same transaction."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError

from incidents import breaches, stating, times
from incidents.models import Breach, Incident, RecordEntry, StatementGround
from statuspage import freezing
from statuspage.publishing import following

log = logging.getLogger(__name__)


def set_security(*, incident: Incident, value: str, reason: str, actor: User, now: datetime) -> Incident:
    """Say whether it is a security matter. Raises TimelineError."""
    with following(incident=incident, now=now):
        return times.set_security(incident=incident, value=value, reason=reason, actor=actor, now=now)


def set_impact(*, incident: Incident, impact: str, reason: str, actor: User, now: datetime) -> RecordEntry | None:
    """Set the impact by hand; a major or critical one has level 0 at once. Raises TimelineError."""
    with following(incident=incident, now=now):
        return times.set_impact(incident=incident, impact=impact, reason=reason, actor=actor, now=now)


def open_breach(*, incident: Incident, reason: str, actor: User, now: datetime) -> Breach:
    """Open a breach record: what was said is taken back to “we are checking”. Raises TimelineError."""
    with following(incident=incident, now=now):
        return breaches.open_breach(incident=incident, reason=reason, actor=actor, now=now)


def close_breach(*, breach: Breach, finding: str, actor: User, now: datetime) -> Breach:
    """Close a breach record with what it turned out to be. Raises TimelineError."""
    with following(incident=breach.incident, now=now):
        return breaches.close_breach(breach=breach, finding=finding, actor=actor, now=now)


def note(*, incident: Incident, actor: User, now: datetime, **known: Any) -> StatementGround:
    """Write down what was established about data and funds (incidents.stating.NOTED). Raises TimelineError."""
    with following(incident=incident, now=now):
        return stating.note(incident=incident, actor=actor, now=now, **known)


def follow_due(*, now: datetime) -> None:
    """Statements that lapsed, and level 0 where it is missing. Run by the publisher each second; twice changes nothing.

    What fails is logged and keeps nothing else back.
    """
    for incident in stating.due(now=now):
        try:
            _follow_time(incident, now)
        except (OperationalError, InterfaceError):
            raise  # nothing works without a database: the tick fails as a whole
        except Exception:
            log.exception("What is said of data and funds in incident %s could not follow.", incident.public_id)


def _follow_time(incident: Incident, now: datetime) -> None:
    appears = not freezing.is_frozen() and stating.appearing(incident=incident, now=now)
    if appears or stating.withdrawals_due(incident=incident, now=now):
        with following(incident=incident, now=now):
            log.info("What is said of data and funds in incident %s follows its time.", incident.public_id)
