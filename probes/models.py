"""Probes, where they are run from, when, and what they saw."""

from __future__ import annotations

from datetime import UTC, datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from incidents.models import Component
from incidents.words import ComponentStatus


class Vantage(models.Model):
    """A place probes are run from. Its agent takes work from the queue probes.<name>."""

    name = models.SlugField(max_length=40, unique=True)
    label = models.CharField(max_length=80, blank=True)
    enabled = models.BooleanField(default=True)
    is_passive = models.BooleanField(
        default=False, editable=False, help_text="Nothing is asked from here: what others push to us is kept as its outcomes."
    )
    last_heard_at = models.DateTimeField(null=True, blank=True, editable=False)
    public_key = models.CharField(
        max_length=44, blank=True, default="", editable=False, help_text="Its agent signs, and this checks. It is no secret."
    )
    # How far its agent's clock is ahead of ours, give or take `skew_error_ms`; `clock`: the least delays of late (skew.Delays).
    skew_ms = models.BigIntegerField(null=True, editable=False)
    skew_error_ms = models.BigIntegerField(null=True, editable=False)
    clock = models.JSONField(default=dict, editable=False)
    # Batches in its name that were not believed.
    refused = models.PositiveIntegerField(default=0, editable=False)
    refused_at = models.DateTimeField(null=True, editable=False)
    refused_because = models.CharField(max_length=12, blank=True, default="", editable=False)
    tally = models.JSONField(default=dict, blank=True, editable=False, help_text="Outcomes since the first: probes.tally.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        return f"probes.{self.name}"


class VantageBatch(models.Model):
    """A signed batch that was taken: the same one again is a replay. Dropped when its age alone would have it refused."""

    vantage = models.ForeignKey(Vantage, on_delete=models.CASCADE, related_name="+")
    nonce = models.CharField(max_length=24)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vantage", "nonce"], name="one_batch_per_nonce")]

    def __str__(self) -> str:
        return f"{self.vantage_id}: {self.nonce}"


class Probe(models.Model):
    """One question asked again and again about one component."""

    code = models.SlugField(max_length=60, unique=True)
    component = models.ForeignKey(Component, on_delete=models.PROTECT, related_name="probes")
    kind = models.CharField(max_length=30, help_text="A key of probes.probers.PROBERS: http, payment_flow, ...")
    spec = models.JSONField(
        default=dict, help_text="What the prober needs; docs/probes.md lists the keys of each kind. Secrets are names."
    )
    interval = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(86400)], help_text="Seconds."
    )
    timeout = models.FloatField(
        default=10.0, validators=[MinValueValidator(0.1), MaxValueValidator(60)], help_text="Seconds in all."
    )
    failure_threshold = models.PositiveSmallIntegerField(
        default=2, help_text="So many bad outcomes of the last `window` confirm."
    )
    window = models.PositiveSmallIntegerField(default=3)
    success_threshold = models.PositiveSmallIntegerField(default=3, help_text="So many good outcomes in a row recover.")
    quorum = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1)],
        help_text="So many vantages must agree before it counts, or all where there are fewer. One alone is only suspected.",
    )
    weight = models.PositiveSmallIntegerField(
        default=100,
        validators=[MaxValueValidator(100)],
        help_text="Percent. 100: its word alone changes the service. 50: another must agree. 0: for staff only.",
    )
    enabled = models.BooleanField(default=True)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    paused_because = models.CharField(max_length=200, blank=True, default="", editable=False)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(failure_threshold__gte=1, failure_threshold__lte=models.F("window"), success_threshold__gte=1),
                name="probe_thresholds_possible",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > now


class ProbeScheduleQuerySet(models.QuerySet["ProbeSchedule"]):
    def active(self) -> ProbeScheduleQuerySet:
        return self.filter(enabled=True, probe__enabled=True, vantage__enabled=True)

    def due(self, now: int) -> ProbeScheduleQuerySet:
        """Schedules whose slot has come; `now` in epoch seconds. A paused probe stays watched, so it falls silent. What others
        push to us is never asked for."""
        moment = datetime.fromtimestamp(now, UTC)
        running = models.Q(probe__paused_until__isnull=True) | models.Q(probe__paused_until__lte=moment)
        return self.active().filter(running, next_slot__lte=now, vantage__is_passive=False)

    def overdue(self, now: int) -> ProbeScheduleQuerySet:
        """Schedules of pushes that should have come; there `next_slot` is the end of the grace, 0 while nothing ever came."""
        moment = datetime.fromtimestamp(now, UTC)
        running = models.Q(probe__paused_until__isnull=True) | models.Q(probe__paused_until__lte=moment)
        return self.active().filter(running, next_slot__gt=0, next_slot__lte=now, vantage__is_passive=True)

    def asked(self) -> ProbeScheduleQuerySet:
        """Schedules that a person wants run now, also of a probe that is paused or switched off."""
        return self.filter(asked_at__isnull=False, enabled=True, vantage__enabled=True, vantage__is_passive=False)


class ProbeSchedule(models.Model):
    """A probe at a vantage: when it runs next, and what detection remembers of it.

    Each row is written twice an interval. No index holds what changes then, and none is there that the unique one does for, so
    PostgreSQL writes a new version into the same page and into no index; to look through all rows each second costs less.
    """

    probe = models.ForeignKey(Probe, on_delete=models.CASCADE, related_name="schedules", db_index=False)
    vantage = models.ForeignKey(Vantage, on_delete=models.CASCADE, related_name="schedules", db_index=False)
    interval = models.PositiveIntegerField(validators=[MinValueValidator(1)], help_text="Seconds.")
    phase = models.PositiveIntegerField(default=0, help_text="Slots are phase + k * interval, in epoch seconds.")
    next_slot = models.BigIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    asked_at = models.BigIntegerField(
        null=True, blank=True, editable=False, help_text="Epoch seconds: a person wants it run now."
    )
    # Detection's memory (detection.State as JSON) and what it says, kept apart for queries.
    state = models.JSONField(default=dict, blank=True, editable=False)
    confirmed = models.CharField(max_length=24, choices=ComponentStatus, blank=True, default="", editable=False)
    confirmed_since = models.DateTimeField(null=True, blank=True, editable=False)
    # When the last vote was measured, and the last slot skipped on purpose.
    last_outcome_at = models.DateTimeField(null=True, blank=True, editable=False)
    excused_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ProbeScheduleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["probe", "vantage"], name="one_schedule_per_probe_and_vantage")]
        indexes = [
            models.Index(fields=["asked_at"], name="schedule_asked_for", condition=models.Q(asked_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.probe_id} at {self.vantage_id}"


class HostRate(models.Model):
    """What a host with a cap has been asked lately, and how much its probes want of it."""

    host = models.CharField(max_length=253, unique=True)
    runs = models.JSONField(default=dict, help_text="How many in each second of the last minute.")
    wanted = models.PositiveIntegerField(default=0, help_text="Runs a minute, were there no cap.")
    wanted_at = models.BigIntegerField(default=0, help_text="Epoch seconds of that count.")

    def __str__(self) -> str:
        return f"{self.host}: {sum(self.runs.values())} in the last minute"


class Result(models.Model):
    """What one run saw. Unique per (probe, vantage, slot, attempt); attempt 0 is the scheduled one, the only one that counts.

    On PostgreSQL the table is partitioned by the slot's UTC day (probes.partitions), and an index on the slot is a BRIN. The
    database checks no foreign key: dropping a day would have to lock what it refers to.
    """

    probe = models.ForeignKey(Probe, on_delete=models.CASCADE, related_name="results", db_constraint=False, db_index=False)
    vantage = models.ForeignKey(Vantage, on_delete=models.CASCADE, related_name="results", db_constraint=False, db_index=False)
    slot = models.BigIntegerField(help_text="Epoch seconds.")
    attempt = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=16, help_text="ok, delayed, degraded, down, misconfigured or skipped")
    error_class = models.CharField(max_length=20, blank=True, default="")
    evidence = models.CharField(
        max_length=300, blank=True, default="", help_text="For staff. Never a secret, never a phone number."
    )
    http_status = models.PositiveSmallIntegerField(null=True)
    total_us = models.PositiveIntegerField(null=True, help_text="The measure, in microseconds.")
    phases = models.JSONField(default=dict, help_text="dns, connect, tls, ttfb, transfer in microseconds.")
    started_at = models.DateTimeField()
    received_at = models.DateTimeField()
    lateness_ms = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["probe", "vantage", "slot", "attempt"], name="one_result_per_slot_and_attempt")
        ]
        indexes = [models.Index(fields=["slot"], name="result_slot")]

    def __str__(self) -> str:
        return f"{self.probe_id}@{self.vantage_id} {self.slot}/{self.attempt}: {self.status}"


class Rollup(models.Model):
    """The scheduled outcomes of one probe at one vantage over an hour or a day of the page's zone: how many of each status, and
    their latencies as a sketch that merges (probes.sketches)."""

    class Span(models.IntegerChoices):
        HOUR = 3600
        DAY = 86400

    probe = models.ForeignKey(Probe, on_delete=models.CASCADE, related_name="rollups", db_index=False)
    vantage = models.ForeignKey(Vantage, on_delete=models.CASCADE, related_name="+", db_index=False)
    span = models.PositiveIntegerField(choices=Span)
    start = models.BigIntegerField(help_text="Epoch seconds.")
    ok = models.PositiveIntegerField(default=0)
    delayed = models.PositiveIntegerField(default=0)
    degraded = models.PositiveIntegerField(default=0)
    down = models.PositiveIntegerField(default=0)
    misconfigured = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    latencies = models.BinaryField(default=bytes)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["probe", "span", "start", "vantage"], name="one_rollup_per_probe_span_and_vantage")
        ]
        indexes = [models.Index(fields=["span", "start"], name="rollup_span_start")]

    def __str__(self) -> str:
        return f"{self.probe_id}@{self.vantage_id} {self.start}+{self.span}"


class LateHour(models.Model):
    """An outcome came for an hour that was over: its rollup is made again. Not unique, so that no recorder waits for another."""

    slot = models.BigIntegerField(help_text="Epoch seconds: any of that hour.")

    def __str__(self) -> str:
        return str(self.slot)


class ProbeVerdict(models.Model):
    """What a probe's vantages say together (agreement.Verdict as JSON), with what is asked for in queries beside it."""

    probe = models.OneToOneField(Probe, on_delete=models.CASCADE, related_name="verdict")
    state = models.JSONField(default=dict)
    confirmed = models.CharField(max_length=24, choices=ComponentStatus, blank=True, default="")
    confirmed_since = models.DateTimeField(null=True)
    suspects = models.CharField(
        max_length=300, blank=True, default="", help_text="Vantages that see a trouble no other does. For staff, never public."
    )
    suspected_since = models.DateTimeField(null=True)
    is_intermittent = models.BooleanField(default=False)
    held_back = models.CharField(max_length=60, blank=True, default="", help_text="Why its trouble opens no draft.")

    def __str__(self) -> str:
        return f"{self.probe_id}: {self.confirmed or 'nothing yet'}"


class VantageLink(models.Model):
    """What a vantage knows of its own link (links.Link as JSON), and since when and why it has no say."""

    vantage = models.OneToOneField(Vantage, on_delete=models.CASCADE, related_name="link")
    state = models.JSONField(default=dict)
    out_since = models.DateTimeField(null=True)
    out_because = models.CharField(
        max_length=10, blank=True, default="", help_text="link: nothing answers it; alone: others see no fault."
    )

    def __str__(self) -> str:
        return f"{self.vantage_id}: {self.out_because or 'has a say'}"


class Push(models.Model):
    """The newest push of a passive probe. Nothing older is taken, nor the same again, so that nothing counts twice."""

    probe = models.OneToOneField(Probe, on_delete=models.CASCADE, related_name="push")
    sent_at = models.BigIntegerField(help_text="Epoch seconds, as its sender signed them.")
    received_at = models.DateTimeField()
    bodies = models.JSONField(
        default=list, db_default=[], blank=True, help_text="Hashes of what was sent in that second: the same is no news."
    )

    def __str__(self) -> str:
        return f"{self.probe_id}: {self.sent_at}"


class PushedCounts(models.Model):
    """What became of the payments of one push of the kind `metric`. The rest of `attempts` was still under way."""

    probe = models.ForeignKey(Probe, on_delete=models.CASCADE, related_name="counts", db_index=False)
    slot = models.BigIntegerField(help_text="Epoch seconds.")
    at = models.DateTimeField(help_text="When its sender counted.")
    attempts = models.PositiveIntegerField()
    success = models.PositiveIntegerField()
    business = models.PositiveIntegerField()
    technical = models.PositiveIntegerField()
    late = models.BooleanField(help_text="They came late, or not one was decided: what was under way had not arrived in time.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["probe", "slot"], name="one_count_per_probe_and_slot")]
        indexes = [models.Index(fields=["at"], name="pushed_counts_at")]

    def __str__(self) -> str:
        return f"{self.probe_id} {self.slot}: {self.technical} of {self.attempts}"


class ProbeChange(models.Model):
    """What was confirmed, by one vantage or (`vantage` empty) by all together: appended beside the raw results, never edited."""

    probe = models.ForeignKey(Probe, on_delete=models.CASCADE, related_name="changes")
    vantage = models.ForeignKey(Vantage, on_delete=models.CASCADE, null=True, related_name="+")
    old = models.CharField(max_length=24, blank=True)
    new = models.CharField(max_length=24, blank=True)
    since = models.DateTimeField(null=True, help_text="The first vote of its kind.")
    at = models.DateTimeField()
    rule = models.CharField(max_length=12, blank=True)
    film = models.CharField(max_length=120, blank=True, help_text="The last outcomes, oldest first, a letter a slot.")

    class Meta:
        indexes = [models.Index(fields=["probe", "-at"], name="probe_change_newest")]

    def __str__(self) -> str:
        return f"{self.probe_id}: {self.old or 'nothing'} to {self.new or 'nothing'}"


class PendingAnswerQuerySet(models.QuerySet["PendingAnswer"]):
    def open(self) -> PendingAnswerQuerySet:
        """Runs whose slot has no outcome yet."""
        return self.filter(probe__isnull=False, closed_at__isnull=True)

    def to_close(self, now: datetime) -> PendingAnswerQuerySet:
        """Those whose answer has come, or is late."""
        return self.open().filter(models.Q(late_at__lte=now) | models.Q(answered_at__isnull=False))


class PendingAnswer(models.Model):
    """A run whose answer comes later. Its slot's outcome is open until the answer comes or is late; the row stays beyond its
    deadline, to tell late answers from lost ones.

    An answer that is faster than its run's report makes a row without a probe, and waits for it. Of the answer itself nothing is
    kept but its kind and code: no number, no name, no amount.
    """

    correlation = models.CharField(max_length=40, unique=True, help_text="What the answer names; drawn for this run alone.")
    probe = models.ForeignKey(Probe, on_delete=models.CASCADE, related_name="pending_answers", null=True)
    vantage = models.ForeignKey(Vantage, on_delete=models.CASCADE, related_name="pending_answers", null=True)
    slot = models.BigIntegerField(null=True, help_text="Epoch seconds.")
    report = models.JSONField(default=dict, help_text="The run as its agent told it.")
    slow = models.BooleanField(default=False, help_text="The acknowledgement alone took too long.")
    asked_at = models.DateTimeField(null=True)
    late_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True)
    made_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=16, blank=True, default="", help_text="A kind of probes.gateway_callbacks.")
    code = models.CharField(max_length=20, blank=True, default="", help_text="The result code, as it came.")
    closed_at = models.DateTimeField(null=True, help_text="When the slot got its outcome.")

    objects = PendingAnswerQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["late_at"], name="pending_answer_open", condition=models.Q(closed_at__isnull=True)),
            models.Index(fields=["probe", "vantage", "slot"], name="pending_answer_series"),
            models.Index(fields=["made_at"], name="pending_answer_made_at"),
        ]

    def __str__(self) -> str:
        return f"{self.probe_id}@{self.vantage_id} {self.slot}: {self.answer or 'open'}"

    def is_lost(self, now: datetime) -> bool:
        """Past its deadline without an answer in time."""
        if self.deadline is None or now < self.deadline:
            return False
        return self.answered_at is None or self.answered_at > self.deadline
