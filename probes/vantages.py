"""Vantages and their agents: enrolling one, and believing only what its own key has signed."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import F

from incidents import tracing
from incidents.models import StatusChange
from probes import recording, signed_batches
from probes.models import Vantage, VantageBatch
from probes.signed_batches import Refused
from probes.skew import Delays

log = logging.getLogger(__name__)

PASSIVE = "pushed"  # where what others push to us is kept
SILENT_AFTER = timedelta(seconds=60)
_WORDS = {
    "unsigned": "it is not signed",
    "no_key": "the vantage has no key yet; run `manage.py add_vantage` for it",
    "forged": "its signature is not by the vantage's key",
    "form": "it is not in the form of this version; run the same version everywhere",
    "clock": "its agent's clock is more than five minutes off, or it is old",
    "replayed": "it was taken before",
}


class HasKey(Exception):
    """The vantage has a key, and nobody asked for a new one."""


class IsPassive(Exception):
    """The name is that of the vantage where pushes are kept, which has no agent."""


def enrol(*, name: str, label: str = "", renew: bool = False) -> str:
    """Make the vantage, or give one without a key its key; answers the private key, which is kept nowhere here.

    Raises HasKey where it has one and `renew` is not set; IsPassive for the name of the vantage that has no agent. A new key
    voids the one before at once.
    """
    if name == PASSIVE:
        raise IsPassive(name)
    vantage, _ = Vantage.objects.get_or_create(name=name, defaults={"label": label})
    if vantage.public_key and not renew:
        raise HasKey(name)
    key = signed_batches.new_key()
    Vantage.objects.filter(pk=vantage.pk).update(public_key=signed_batches.public_key_of(key))
    return key


def enrol_here(*, name: str, path: Path) -> None:
    """Let the agent beside us have its key in a file that its owner alone can read; made when there is none."""
    if not path.is_file():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(signed_batches.new_key() + "\n")
    Vantage.objects.filter(name=name).update(public_key=signed_batches.public_key_of(path.read_text().strip()))


def acl_line(name: str) -> str:
    """The broker's rule for the agent's user (Redis 7 or Valkey): its own queue, and handing in outcomes."""
    own = f"hali:probes.{name}"
    bindings = (f"hali:_kombu.{table}.probes.{name}" for table in ("binding", "binding_permanent"))
    keys = " ".join(f"~{key}" for key in (own, f"{own}.*", *bindings))
    commands = (
        "ping info select multi exec watch unwatch brpop lpush rpush llen sadd smembers hset hdel hget "
        "zadd zrem zrange zrevrangebyscore set get del expire eval evalsha script|load"
    )
    allowed = " ".join(f"+{command}" for command in commands.split())
    return f"ACL SETUSER agent-{name} on ><password> resetkeys resetchannels -@all {keys} %W~hali:core {allowed}"


def take_batch(*, name: str, payload: str, signature: str, now: datetime) -> list[StatusChange]:
    """Take the outcomes of one signed batch into the record. What is not the vantage's own is refused, logged and counted."""
    vantage = Vantage.objects.filter(name=name, is_passive=False).first()
    if vantage is None:
        log.warning("A batch of outcomes was refused: there is no vantage of its name.")
        return []
    try:
        batch = signed_batches.unpack(payload, signature, vantage=name, public_key=vantage.public_key)
        delays = Delays.from_json(vantage.clock).seen(
            outward=batch.outward_s, back=now.timestamp() - batch.sent_at, now=now.timestamp()
        )
        skew_ms, error_ms = delays.skew() or (None, None)
        clock = {"clock": delays.as_json(), "skew_ms": skew_ms, "skew_error_ms": error_ms}
        try:
            signed_batches.require_recent(batch, now=now.timestamp())
            reports = [recording.Report.from_message(message) for message in batch.reports]
        except Refused:
            Vantage.objects.filter(pk=vantage.pk).update(**clock)  # that its clock is wrong is what the desk must see
            raise
        except TypeError:
            raise Refused("form") from None
        with tracing.since(f"batch-{batch.nonce}"):
            return recording.record(vantage_name=name, reports=reports, now=now, signed=recording.Signed(batch.nonce, clock))
    except Refused as refusal:
        _count(vantage, refusal.reason, now)
        return []


def _count(vantage: Vantage, reason: str, now: datetime) -> None:
    log.warning("A batch of outcomes of the vantage %s was refused: %s.", vantage.name, _WORDS[reason])
    Vantage.objects.filter(pk=vantage.pk).update(refused=F("refused") + 1, refused_at=now, refused_because=reason)


def is_silent(vantage: Vantage, now: datetime) -> bool:
    """Whether its agent has said nothing for a minute; a passive vantage has none."""
    if vantage.is_passive:
        return False
    return vantage.last_heard_at is None or now - vantage.last_heard_at > SILENT_AFTER


def prune_batches(*, now: datetime) -> int:
    """Drop the marks of batches that are too old to be believed again; answers how many."""
    dropped, _ = VantageBatch.objects.filter(at__lt=now - 3 * timedelta(seconds=signed_batches.OLDEST)).delete()
    return dropped
