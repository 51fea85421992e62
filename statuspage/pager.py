"""Calls the people on duty: raises alerts and sends what waits, beside the publisher's tick and never in it.

A thread with its own connections, as the courier is: a hanging mail server or webhook holds up no second of the page.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from statuspage import alert_shapes, alerting
from statuspage.models import AlertSending, StaffAlert

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds
AT_ONCE = 20
LEASE = timedelta(seconds=60)
ATTEMPTS = 6
WAITS = (10, 30, 60, 120, 300)  # seconds after each failure
PATIENCE = 5  # seconds that a webhook may take


class SendingFailed(Exception):
    """It was not told. The message says why, without an address or a key. `permanent`: trying again changes nothing."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Pager:
    """Its own thread from `start` to `stop`; it needs no waking."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pager", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            try:
                call_due(now=timezone.now())
            except DatabaseError as error:
                connection.close()
                log.warning("Nobody can be called for now: %s", error)
            except Exception:
                log.exception("The pager stumbled over a fault of ours and goes on.")
            finally:
                if connection.vendor == "sqlite":
                    connection.close()  # its pages would stay in memory


def call_due(*, now: datetime) -> int:
    """Raise what must be raised, send what waits; answers how many tellings went out."""
    alerting.raise_due(now=now)
    return sum(_send(sending, now) for sending in _claim(now))


def _claim(now: datetime) -> list[AlertSending]:
    """Those whose time has come, under a lease: of two publishers one sends each."""
    waiting = AlertSending.objects.filter(due_at__lte=now).order_by("due_at", "id").values_list("pk", "due_at")
    mine = [
        pk
        for pk, due_at in list(waiting[:AT_ONCE])
        if AlertSending.objects.filter(pk=pk, due_at=due_at).update(due_at=now + LEASE)
    ]
    return list(AlertSending.objects.filter(pk__in=mine).select_related("alert", "person"))


def _send(sending: AlertSending, now: datetime) -> bool:
    """Outside any transaction; then its row says how it went."""
    try:
        _WAYS[sending.channel](sending)
    except SendingFailed as error:
        _record_failure(sending, error, now)
        return False
    AlertSending.objects.filter(pk=sending.pk).update(sent_at=now, due_at=None, error="", attempt=sending.attempt + 1)
    return True


def _record_failure(sending: AlertSending, error: SendingFailed, now: datetime) -> None:
    attempt = sending.attempt + 1
    gives_up = error.permanent or attempt >= ATTEMPTS
    due_at = None if gives_up else now + timedelta(seconds=WAITS[min(attempt, len(WAITS)) - 1])
    AlertSending.objects.filter(pk=sending.pk).update(attempt=attempt, due_at=due_at, error=str(error)[:200])
    log.warning("An alert could not be told by %s (%s)%s", sending.channel, error, ": given up." if gives_up else ".")


def shape_of(alert: StaffAlert) -> alert_shapes.Alert:
    return alert_shapes.Alert(
        key=alert.key,
        kind=alert.kind,
        severity=alert.severity,
        title=alert.title,
        text=alert.text,
        url=settings.BASE_URL + alert.path,
        link=f"{settings.BASE_URL}/admin/statuspage/staffalert/{alert.pk}/acknowledge/",
        raised_at=alert.raised_at,
        resolved_at=alert.resolved_at,
        source=settings.BASE_URL,
    )


# --- Ways ----------------------------------------------------------------------------------------


def _by_mail(sending: AlertSending) -> None:
    if sending.person is None or not sending.person.email:
        raise SendingFailed("they have no mail address", permanent=True)
    subject, text = alert_shapes.mail(shape_of(sending.alert), again=sending.event == alerting.AGAIN)
    try:
        EmailMessage(subject, text, settings.MAIL_FROM or None, [sending.person.email]).send()
    except (OSError, SMTPException) as error:
        raise SendingFailed(f"the mail server did not take it: {type(error).__name__}") from error


def _by_webhook(sending: AlertSending) -> None:
    _post(settings.ALERT_WEBHOOK, alert_shapes.alertmanager(shape_of(sending.alert)))


def _by_pagerduty(sending: AlertSending) -> None:
    body = alert_shapes.pagerduty(shape_of(sending.alert), event=sending.event, routing_key=settings.PAGERDUTY_KEY)
    _post(settings.PAGERDUTY_URL, body)


def _post(url: str, body: object) -> None:
    """One POST, bounded in time, following nothing."""
    if settings.EXERCISE:
        raise SendingFailed("this is an exercise: nobody is contacted", permanent=True)
    import requests  # only where a webhook is set

    try:
        answer = requests.post(url, json=body, timeout=PATIENCE, allow_redirects=False)
    except requests.RequestException as error:
        raise SendingFailed(f"no answer: {type(error).__name__}") from error
    if answer.status_code >= 300:
        lasting = 400 <= answer.status_code < 500 and answer.status_code not in (408, 429)
        raise SendingFailed(f"it answered {answer.status_code}", permanent=lasting)


_WAYS: dict[str, Callable[[AlertSending], None]] = {"mail": _by_mail, "webhook": _by_webhook, "pagerduty": _by_pagerduty}
