"""The sections of `make bench-outbox`, inside a process whose Django stands on the section's own PostgreSQL."""

from __future__ import annotations

import os
import shutil
import smtplib
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psutil
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from subscribers import fanning, leases, outbox, rows
from subscribers.fanning import Plan
from subscribers.models import Delivery, DeliveryState, Notification, Subscriber
from subscribers.parcels import Packer
from subscribers.transports.email import Skeleton
from tests.benchmarks.bed import Bed
from tests.benchmarks.outbox_rows import draft_word, make_readers, publish_word
from tests.benchmarks.probe_bars import bar, note
from tests.copies import ROOT, free_port, wait_for

SENDERS, CONNECTIONS = 2, 4


@contextmanager
def sink(made: Bed, *, own: bool = False) -> Iterator[int]:
    """A mail server on loopback that takes everything; its port. postfix's where it is installed."""
    port = free_port()
    program = None if own else shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin")
    ours = [sys.executable, "-m", "tests.benchmarks.mail_sink", str(port)]
    command = [program, "-u", "nobody", f"127.0.0.1:{port}", "256"] if program else ours
    note(f"sink: {'postfix smtp-sink' if program else 'our own (tests/benchmarks/mail_sink.py)'}")
    with (made.folder / "sink.out").open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
    try:
        wait_for("the sink listens", lambda: _listens(port))
        yield port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    try:
        smtplib.SMTP("127.0.0.1", port, timeout=2).quit()
    except OSError:
        return False
    return True


def _point_at(port: int, made: Bed) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 15
    made.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{port}"


def _prepare() -> None:
    call_command("migrate", verbosity=0)


def _analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")  # or the server still writes what was just made while we measure


# --- Expanding -----------------------------------------------------------------------------------


def expand(made: Bed, full: bool) -> None:
    """1,000,000 subscribers (a tenth by default) become deliveries, chunk by chunk."""
    _prepare()
    count = 1_000_000 if full else 100_000
    _fill(count)
    publish_word(draft_word())
    _analyse()
    slowest, chunks, known, started = 0.0, 0, dict[int, Plan | None](), time.perf_counter()
    while True:
        before = time.perf_counter()
        if fanning._expand_chunk(timezone.now(), known) is None:
            break
        slowest, chunks = max(slowest, time.perf_counter() - before), chunks + 1
    took = time.perf_counter() - started
    assert Delivery.objects.count() == count
    bar(f"expand {count} subscribers", took, "s", "<=", 15.0 * count / 1_000_000)
    bar(f"expand slowest of {chunks} chunks", slowest, "s", "<=", 0.2)


def _fill(count: int) -> None:
    """Copies of one reader, whose addresses nobody will open: made in the database."""
    make_readers(1)
    own = {"public_id": "'r' || n", "address_hash": "md5(n::text)", "domain": "'d' || n %% 50 || '.example'"}
    columns = [str(field.column) for field in Subscriber._meta.concrete_fields if not field.primary_key]
    values = ", ".join(own.get(column, column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO subscribers_subscriber ({', '.join(columns)}) "
            f"SELECT {values} FROM subscribers_subscriber, generate_series(2, %s) AS n",
            [count],
        )
        cursor.execute("DELETE FROM subscribers_subscription")
        cursor.execute("INSERT INTO subscribers_subscription (subscriber_id) SELECT id FROM subscribers_subscriber")


# --- Claiming ------------------------------------------------------------------------------------


def claims(made: Bed, full: bool) -> None:
    """Claims and marks while few and while nearly all are sent."""
    _prepare()
    count = 1_000_000 if full else 100_000
    _fill(count)
    publish_word(draft_word())
    outbox.fan_out(now=timezone.now(), limit=count * 2)
    _analyse()
    early = _claim_rate(batches=40)
    left = int(count * 0.01) + 40 * 200
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE subscribers_delivery SET state = 'sent', sent_at = now() WHERE id IN (SELECT id FROM subscribers_delivery "
            "WHERE state = 'pending' ORDER BY due_at, id LIMIT %s)",
            [max(0, Delivery.objects.pending().count() - left)],
        )
    _analyse()  # as autovacuum has done several times by then
    late = _claim_rate(batches=40)
    note(f"claimed and marked a second: {early:.0f} at 1 %, {late:.0f} at 99 %")
    bar("claims at 1 % to claims at 99 %", max(early / late, late / early), "ratio", "<=", 1.3)


def _claim_rate(batches: int) -> float:
    """Rows a second at the median batch: one that the machine held up says nothing of the table."""
    _claim(10)  # warm
    seconds = []
    for _ in range(batches):
        started = time.perf_counter()
        assert _claim(200) == 200
        seconds.append(time.perf_counter() - started)
    return 200 / statistics.median(seconds)


def _claim(size: int) -> int:
    claimed = leases.claim_due(now=timezone.now(), limit=size, channel="email")
    return leases.record_success(claimed, now=timezone.now())


# --- Sending -------------------------------------------------------------------------------------


def send(made: Bed, full: bool) -> None:
    """Two senders, claims and marks included, beside bare smtplib and Django's backend over as many kept connections."""
    _prepare()
    count = 100_000 if full else 10_000
    publish_word(draft_word())  # the page is written whole the first time
    few = _publish_seconds()
    outbox.fan_out(now=timezone.now())  # to nobody
    make_readers(count)
    with sink(made) as port:
        _point_at(port, made)
        bare = _beside("bare", made, count)
        kept = _beside("django", made, max(1000, count // 20))
        many = _publish_seconds()
        bar(f"publish to {count} subscribers", many, "s", "<=", 0.3)
        bar(f"publish to {count} subscribers beside nobody", many / few, "ratio", "<=", 1.5)
        Notification.objects.exclude(pk=Notification.objects.latest("pk").pk).update(expanded_at=timezone.now())
        outbox.fan_out(now=timezone.now(), limit=count * 2)
        _analyse()
        ours, memory = _ours(made, count)
    note(f"mails a second: {ours:.0f} ours, {bare:.0f} bare smtplib, {kept:.0f} Django's backend")
    bar("our rate to bare smtplib's", ours / bare, "ratio", ">=", 0.4)
    bar("our rate to Django's backend's", ours / kept, "ratio", ">=", 3.0)
    bar("largest sender", memory / 1e6, "MB", "<=", 150)


def _publish_seconds() -> float:
    """The median of three: one may meet a checkpoint."""
    seconds = []
    for _ in range(3):
        draft = draft_word()
        started = time.perf_counter()
        publish_word(draft)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _beside(kind: str, made: Bed, count: int) -> float:
    """Mails a second of as many processes and connections, with nothing but sending to do."""
    started = [_worker(kind, made, count // SENDERS) for _ in range(SENDERS)]
    return sum(float(process.communicate()[0].split()[-1]) for process in started)


def _worker(kind: str, made: Bed, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.outbox_worker", kind, str(count), str(CONNECTIONS)]
    return subprocess.Popen(command, cwd=ROOT, env=made.environment, stdout=subprocess.PIPE, text=True)


def _ours(made: Bed, count: int) -> tuple[float, float]:
    """(mails a second, octets of the largest sender) until all are marked as sent."""
    made.environment["HALI_MAIL_CONNECTIONS"] = str(CONNECTIONS)
    processes = [_worker("ours", made, count) for _ in range(SENDERS)]
    watched = [psutil.Process(process.pid) for process in processes]
    largest = 0
    while any(process.poll() is None for process in processes):
        for process in watched:
            try:
                largest = max(largest, process.memory_info().rss)
            except psutil.Error:
                continue
        time.sleep(0.1)
    sent = Delivery.objects.filter(state=DeliveryState.SENT)
    assert sent.count() == count, f"{sent.count()} of {count} were sent"
    for process in processes:
        assert process.stdout
        note(f"a sender: {process.stdout.read().strip()}")
    return _rate_of(sent), largest


def _rate_of(sent: QuerySet[Delivery]) -> float:
    """Mails a second, between the first mark and the last: what the first one holds was sent before that clock started."""
    moments = [at.timestamp() for at in sent.values_list("sent_at", flat=True) if at]
    first, last = min(moments), max(moments)
    return sum(moment > first for moment in moments) / (last - first)


# --- The hold ------------------------------------------------------------------------------------


def hold(made: Bed, full: bool) -> None:
    """The first mail after the end of a hold of 3 s, by publisher, broker and a worker with a single place, as production runs
    them: 100,000 subscribers (a tenth by default) are not all listed by then."""
    _prepare()
    make_readers(100_000 if full else 10_000)
    _analyse()
    with sink(made, own=True) as port:
        _point_at(port, made)
        made._start("publisher", ["manage.py", "publisher"], {})
        made._start("worker", ["-m", "statuspage.worker", "--queues", "notify", "--concurrency", "1"], {})
        time.sleep(10)  # they start
        publish_word(draft_word())
        notification = Notification.objects.get(expanded_at=None, kind="incident_update")
        wait_for("the first mail", lambda: "customer.example" in (made.folder / "sink.out").read_text(), seconds=60)
        at = float((made.folder / "sink.out").read_text().split()[0])
    late = at - notification.send_at.timestamp()
    assert late >= -0.01, "it went out within the hold"
    bar("first mail after the end of the hold", late, "s", "<=", 1.0)


# --- Domains -------------------------------------------------------------------------------------


def domains(made: Bed, full: bool) -> None:
    """A domain that answers in 200 ms, one that refuses every third, one that hangs: what is left to a quick one.

    Each round sends as many quick mails once alone and once beside the bad ones, by turns this or that first: what the machine
    does besides, and what the rounds leave in the database, meets both. The median round counts.
    """
    _prepare()
    count, rounds = (10_000, 9) if full else (5_000, 5)
    for name in ("quick", "slow", "third", "hangs"):
        make_readers(count if name == "quick" else count // 10, domain=f"{name}.example", start=0)
    ratios = []
    for number in range(rounds):
        rates = {alone: _rate_of_quick(made, count, only_quick=alone) for alone in ((True, False), (False, True))[number % 2]}
        ratios.append(rates[False] / rates[True])
        note(f"mails a second to the quick domain: {rates[True]:.0f} alone, {rates[False]:.0f} beside the three others")
    note(f"beside to alone, round by round: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    bar("quick domain beside three bad ones to alone", statistics.median(ratios), "ratio", ">=", 0.9)


def _rate_of_quick(made: Bed, count: int, *, only_quick: bool) -> float:
    """Mails a second between the first and the last that the sink took for it: a mark may come half a second later."""
    Subscriber.objects.update(state="active")
    if only_quick:
        Subscriber.objects.exclude(domain="quick.example").update(state="pending")
    Delivery.objects.all().delete()
    publish_word(draft_word())
    outbox.fan_out(now=timezone.now(), limit=count * 2)
    with connection.cursor() as cursor:  # as they come in life: one here, one there
        cursor.execute("UPDATE subscribers_delivery SET due_at = due_at - random() * interval '1 second'")
    _analyse()
    with sink(made, own=True) as port:
        _point_at(port, made)
        process = _worker("ours-once", made, count * 2)
        waiting = Delivery.objects.pending().filter(domain="quick.example")
        wait_for("the quick domain has its mails", lambda: process.poll() is not None or not waiting.exists(), seconds=120)
        process.kill()  # what the others still wait for says nothing here
        process.communicate()
    taken = [line.split() for line in (made.folder / "sink.out").read_text().splitlines()]
    [(first, _), (last, sent)] = [(float(at), int(number)) for at, domain, number in taken if domain == "quick.example"]
    assert sent == count, f"{sent} of {count} were sent"
    return (count - 1) / (last - first)


# --- What the other processes do (tests/benchmarks/outbox_worker.py) -------------------------------


def run_bare(count: int, connections: int) -> float:
    """smtplib with kept sessions and a ready-made body."""
    raw = _a_mail()

    def work(share: int) -> None:
        session = smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=15)
        for number in range(share):
            session.sendmail("status@mfanopesa.example", [f"reader{number}@customer.example"], raw)
        session.quit()

    return _rate(work, count, connections)


def run_django(count: int, connections: int) -> float:
    """Django's EmailBackend with a kept session: a message built for each."""
    raw = _a_mail().decode()

    def work(share: int) -> None:
        session = get_connection(fail_silently=False)
        session.open()
        for number in range(share):
            mail = EmailMultiAlternatives(
                "[Mfano Pesa status] Payments are late",
                raw[:1500],
                "status@mfanopesa.example",
                [f"reader{number}@customer.example"],
            )
            mail.attach_alternative(raw[:3000], "text/html")
            session.send_messages([mail])
        session.close()

    return _rate(work, count, connections)


def _rate(work: Callable[[int], None], count: int, connections: int) -> float:
    threads = [threading.Thread(target=work, args=(count // connections,)) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - started)


def _a_mail() -> bytes:
    """The first reader's, of the last word published, ready."""
    reader = rows.readers([Subscriber.objects.order_by("pk").values_list("pk", flat=True)[0]])
    told = Notification.objects.order_by("-pk")[0]
    [(key, one)] = reader.items()
    claimed = rows.Claimed(0, told, key, one.domain, 1, told.created_at, digest=False, last_error="")
    parcel = Packer().parcel_for(claimed, one)
    return Skeleton(parcel.rendered).filled(parcel)


def run_ours(count: int, connections: int) -> float:
    """Rounds until nothing is left."""
    started = time.perf_counter()
    sent = 0
    while Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=timezone.now()).exists():
        sent += outbox.deliver_due(now=timezone.now(), limit=count)
    return sent / (time.perf_counter() - started)


def run_ours_once(count: int, connections: int) -> float:
    """One round, as a task has it, but for as long as a busy machine needs."""
    started = time.perf_counter()
    return outbox.deliver_due(now=timezone.now(), limit=count, seconds=120) / (time.perf_counter() - started)


RUNS: Mapping[str, Callable[[int, int], float]] = {
    "bare": run_bare,
    "django": run_django,
    "ours": run_ours,
    "ours-once": run_ours_once,
}
SECTIONS: Mapping[str, Callable[[Bed, bool], None]] = {
    "expand": expand,
    "claims": claims,
    "send": send,
    "hold": hold,
    "domains": domains,
}
