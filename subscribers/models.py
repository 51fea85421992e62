"""Who hears of it, what is to be told, and each telling."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, OuterRef, Q

from incidents.models import Component, ComponentGroup, Incident, IncidentUpdate
from incidents.words import Impact

IMPACTS: list[str] = list(Impact.values)  # the mildest first
WHOLE_PAGE = Q(component__isnull=True, group__isnull=True, incident__isnull=True)


class SubscriberState(models.TextChoices):
    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"
    SUSPENDED = "suspended"  # their address takes nothing, or they complained; asking again begins anew


class Rhythm(models.TextChoices):
    EACH = "each"
    DIGEST = "digest"  # once a day, all of it in one


class NewsKind(models.TextChoices):
    """What a subscriber may hear of; the values are the names of Subscriber's switches."""

    INCIDENTS = "incidents"
    PLANNED_WORK = "planned_work"
    REBUTTALS = "rebuttals"


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def active(self) -> SubscriberQuerySet:
        return self.filter(state=SubscriberState.ACTIVE)

    def asked(self, by: datetime) -> SubscriberQuerySet:
        """To whom a message about their own asking is due: to confirm it, or the way to their own page for who has confirmed."""
        return self.filter(confirm_due_at__lte=by, state__in=[SubscriberState.PENDING, SubscriberState.ACTIVE])

    def following(
        self,
        kind: NewsKind,
        *,
        components: models.QuerySet[Any, Any] | Collection[int] = (),
        incident: int | None = None,
        between: tuple[int, int] | None = None,
    ) -> SubscriberQuerySet:
        """Those who want this kind of news and follow the page, one of the components (by id) or its groups, or the incident.

        Answers to false claims go to all who want them: a claim is about the provider. `between`: only ids above the first, up to
        the second; said here too, so that no database looks through everybody's rows for them.
        """
        wanting = self.filter(**{kind.value: True})
        if between:
            wanting = wanting.filter(pk__gt=between[0], pk__lte=between[1])
        if kind == NewsKind.REBUTTALS:
            return wanting
        follows = Subscription.objects.taking_in(components, incident).filter(subscriber=OuterRef("pk"))
        if between:
            follows = follows.filter(subscriber__gt=between[0], subscriber__lte=between[1])
        return wanting.filter(Exists(follows))

    def minding(self, impact: str) -> SubscriberQuerySet:
        """Those for whom an impact is worth a word. Give the worst the incident ever had: who heard of it hears of its end."""
        worst = IMPACTS.index(impact) if impact in IMPACTS else len(IMPACTS) - 1  # what has no rank is heard by all
        return self.filter(minimum_impact__in=IMPACTS[: worst + 1])


class Subscriber(models.Model):
    """One address on one channel. The address is encrypted at rest; `address_hash` (keyed) finds it again."""

    public_id = models.CharField(
        max_length=32, unique=True, help_text="Random; the only name of a subscriber outside this table."
    )
    channel = models.CharField(max_length=12, default="email")
    address_encrypted = models.TextField()
    address_hash = models.CharField(max_length=64)
    domain = models.CharField(max_length=255, db_index=True)
    language = models.CharField(max_length=8)
    state = models.CharField(max_length=14, choices=SubscriberState, default=SubscriberState.PENDING)
    created_at = models.DateTimeField(help_text="When they asked; the confirmation link hangs on it.")
    confirm_token_hash = models.CharField(max_length=64, blank=True, default="", db_index=True)
    confirm_sent_at = models.DateTimeField(null=True, blank=True)
    confirm_mails_sent = models.PositiveSmallIntegerField(default=0)
    # The confirmation mail is a row's work too: null when none waits, else due then; a claim moves it on (the lease).
    confirm_due_at = models.DateTimeField(null=True, blank=True)
    confirm_attempt = models.PositiveSmallIntegerField(default=0)
    confirm_error = models.CharField(max_length=300, blank=True, default="", help_text="Why the last try to ask them failed.")
    asked_again_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody asked for an active one; the code to their own page hangs on it."
    )
    asked_beside = models.TextField(
        blank=True, default="", db_default="", help_text="What was asked for then and is not followed (wishes.named)."
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)
    consent = models.JSONField(default=dict, blank=True, help_text="When, from where and on which wording they agreed.")
    # What they hear of, beside what they follow (Subscription).
    incidents = models.BooleanField(default=True)
    planned_work = models.BooleanField(default=True)
    rebuttals = models.BooleanField(default=False, help_text="Our answers to false claims.")
    minimum_impact = models.CharField(max_length=12, choices=Impact, default=Impact.NONE)
    rhythm = models.CharField(max_length=8, choices=Rhythm, default=Rhythm.EACH)
    confirm_tries = models.PositiveSmallIntegerField(default=0, help_text="Wrong codes typed for this asking.")
    hard_bounces = models.PositiveSmallIntegerField(
        default=0, help_text="With no mail that stayed between them; the second suspends."
    )
    bounced_at = models.DateTimeField(null=True, blank=True, help_text="When the last of them came.")

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "address_hash"], name="one_subscriber_per_address")]
        permissions = [("export_subscriber", "Can take addresses out")]
        indexes = [
            models.Index(fields=["confirm_due_at"], condition=models.Q(confirm_due_at__isnull=False), name="confirmation_due"),
            models.Index(fields=["created_at"], condition=models.Q(state="pending"), name="subscriber_unconfirmed"),
            models.Index(
                fields=["asked_again_at"], condition=models.Q(asked_again_at__isnull=False), name="subscriber_asked_again"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.public_id}"


class ChannelTrouble(models.Model):
    """A channel whose server takes nothing for now: nobody tries it again before `quiet_until`."""

    channel = models.CharField(max_length=12, primary_key=True)
    since = models.DateTimeField()
    failures = models.PositiveIntegerField(default=1, help_text="Tries in a row that came to nothing.")
    quiet_until = models.DateTimeField()
    words = models.CharField(max_length=300)

    class Meta:
        ordering = ["channel"]

    def __str__(self) -> str:
        return f"{self.channel} until {self.quiet_until}"


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def taking_in(
        self, components: models.QuerySet[Any, Any] | Collection[int] = (), incident: int | None = None
    ) -> SubscriptionQuerySet:
        """Rows of the whole page, of one of the components (by id), of a group they lie in, or of the incident."""
        groups = Component.objects.filter(pk__in=components)
        found = (
            WHOLE_PAGE
            | Q(component__in=components)
            | Q(group__in=groups.values("group_id"))
            | Q(group__in=groups.filter(group__parent__isnull=False).values("group__parent_id"))
        )
        return self.filter(found | Q(incident=incident) if incident else found)


class Subscription(models.Model):
    """What a subscriber follows: a component, a group, one incident; with none of them it is the whole page."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="subscriptions")
    component = models.ForeignKey(Component, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey(ComponentGroup, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "component"], name="one_subscription_per_component"),
            models.UniqueConstraint(fields=["subscriber", "group"], name="one_subscription_per_group"),
            models.UniqueConstraint(fields=["subscriber", "incident"], name="one_subscription_per_incident"),
            models.UniqueConstraint(fields=["subscriber"], condition=WHOLE_PAGE, name="one_subscription_to_everything"),
            models.CheckConstraint(
                condition=WHOLE_PAGE
                | Q(component__isnull=False, group__isnull=True, incident__isnull=True)
                | Q(component__isnull=True, group__isnull=False, incident__isnull=True)
                | Q(component__isnull=True, group__isnull=True, incident__isnull=False),
                name="subscription_follows_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.component_id or self.group_id or self.incident_id or 'everything'}"


class Suppressed(models.TextChoices):
    """Why nothing is sent to an address."""

    LEFT = "left"  # by a link, by staff, or by being forgotten; asking and confirming anew ends it
    OPTED_OUT = "opted_out"  # STOP from the phone itself; START from it ends it
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    REFUSED = "refused"  # the provider will not carry to it: barred, or gone
    BY_STAFF = "by_staff"


class Suppression(models.Model):
    """An address that nothing may be sent to, known by its keyed hash alone; it outlives the subscriber's erasure."""

    channel = models.CharField(max_length=12)
    address_hash = models.CharField(max_length=64)
    reason = models.CharField(max_length=12, choices=Suppressed)
    since = models.DateTimeField()
    until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Until when a bounce bars it, also beside their own will, which has no end. Empty: until staff lifts it, "
        "or they opt in again.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "address_hash"], name="one_suppression_per_address")]

    def __str__(self) -> str:
        return f"{self.channel} {self.address_hash[:8]}: {self.reason}"


class StaffNote(models.Model):
    """What staff wrote down about one subscriber. Theirs to read, in their copy; it goes when they leave."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="notes")
    words = models.CharField(max_length=500)
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.at}"


class Farewell(models.Model):
    """Who ended it by a text message hears once that it worked; the row goes before that is sent, and the number with it."""

    channel = models.CharField(max_length=12, default="sms")
    address_hash = models.CharField(max_length=64)
    address_encrypted = models.TextField()
    language = models.CharField(max_length=8)
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "address_hash"], name="one_farewell_per_address")]

    def __str__(self) -> str:
        return f"{self.channel} {self.address_hash[:8]}"


class Payload(models.TextChoices):
    """The form of a webhook's bodies."""

    STATUSPAGE = "statuspage"
    HALI = "hali"


class Endpoint(models.Model):
    """What a webhook has beside its address: the form of its bodies, and the secrets they are signed with, encrypted."""

    subscriber = models.OneToOneField(Subscriber, on_delete=models.CASCADE, related_name="endpoint")
    payload = models.CharField(max_length=12, choices=Payload, default=Payload.HALI)
    secret_encrypted = models.TextField()
    shown_at = models.DateTimeField(null=True, blank=True, help_text="When the secret was shown; it is not shown again.")
    old_secret_encrypted = models.TextField(blank=True, default="", help_text="Signs beside the new one after a rotation.")
    old_until = models.DateTimeField(null=True, blank=True)
    contact_hash = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Of the email subscriber who hears when it has ended."
    )
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was given up, since it took nothing for days.")
    # The mail to its contact is a row's work too: null when none waits, else due then; a claim moves it on (the lease).
    tell_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.payload}"


class Notification(models.Model):
    """One published item that subscribers may hear of, derived from the record: unique per record entry."""

    record_seq = models.PositiveBigIntegerField(unique=True)
    kind = models.CharField(max_length=40, help_text="The record entry's kind.")
    update = models.ForeignKey(IncidentUpdate, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    thread = models.CharField(max_length=12, blank=True, default="", help_text="Public id of the incident or work it is about.")
    created_at = models.DateTimeField()
    send_at = models.DateTimeField(help_text="Nothing of it goes out before: until then it can be stopped.")
    cursor = models.BigIntegerField(default=0, help_text="Fan-out has reached this subscriber id.")
    expanded_at = models.DateTimeField(null=True, blank=True, help_text="When every delivery of it existed.")
    stopped_at = models.DateTimeField(null=True, blank=True, help_text="Somebody stopped the sending.")
    cleared_at = models.DateTimeField(null=True, blank=True, help_text="When nothing of what was stopped waited any more.")

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(expanded_at__isnull=True), name="notification_to_expand"),
            models.Index(
                fields=["id"], condition=models.Q(stopped_at__isnull=False, cleared_at__isnull=True), name="notification_to_clear"
            ),
            models.Index(fields=["thread", "record_seq"], name="notification_of_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.record_seq} {self.kind}"


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def pending(self) -> DeliveryQuerySet:
        """Not sent yet: those that wait, and those in a sender's hands. Named apart, since each has an index of its own."""
        return self.filter(
            Q(state=DeliveryState.PENDING, lease_until=None) | Q(state=DeliveryState.PENDING, lease_until__isnull=False)
        )

    def to(self, subscriber: Subscriber) -> DeliveryQuerySet:
        """All of one subscriber's, found by way of each notification that anybody was told of: see Delivery.subscriber."""
        return self.filter(subscriber=subscriber, notification__in=Notification.objects.exclude(thread=""))


class Delivery(models.Model):
    """One telling to one subscriber. The row is the retry: state, when it is due, who holds it until when."""

    # Without constraints in the database: they would cost as much as the whole INSERT of a long list. A chunk is made under the
    # lock of its Notification; the row of a subscriber who is erased in that very moment is dropped by whoever would send it.
    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False
    )
    # Nor an index of its own: it would cost a third of that INSERT, and as much again at each claim and each mark. What was told
    # to one subscriber is looked up by the unique pair below (`to`).
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    channel = models.CharField(max_length=12)
    domain = models.CharField(max_length=255, blank=True, default="", help_text="Of the address: what is paced together.")
    state = models.CharField(max_length=12, choices=DeliveryState, default=DeliveryState.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    wanted_at = models.DateTimeField(help_text="When it was first due: it is given up so long after that.")
    digest = models.BooleanField(default=False, help_text="It goes out with all that waits for them, once a day.")
    lease_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True, default="")
    sent_at = models.DateTimeField(null=True, blank=True)
    reference = models.CharField(max_length=80, blank=True, default="", help_text="The other side's name of it.")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notification", "subscriber"], name="one_delivery_per_subscriber")]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=models.Q(state="pending", lease_until=None), name="delivery_due"),
            models.Index(fields=["lease_until"], condition=models.Q(lease_until__isnull=False), name="delivery_leased"),
            models.Index(fields=["reference"], condition=~models.Q(reference=""), name="delivery_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id} to {self.subscriber_id}: {self.state}"


class Pace(models.Model):
    """How fast a channel, or one domain of it (else ""), takes what we send: a bucket of tokens that all senders share."""

    channel = models.CharField(max_length=12)
    domain = models.CharField(max_length=255, blank=True, default="")
    tokens = models.FloatField(default=0)
    refilled_at = models.DateTimeField(null=True, blank=True)
    factor = models.FloatField(default=1, help_text="Of the rate that is set: halved when they ask us to slow down.")
    failures = models.PositiveIntegerField(default=0, help_text="Times in a row that it hung or told us to slow down.")
    quiet_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "domain"], name="one_pace_per_domain")]

    def __str__(self) -> str:
        return f"{self.channel} {self.domain}"


class BounceReport(models.Model):
    """A report of mail that came back, so that it counts once however often it is sent to us. It names nobody."""

    key = models.CharField(max_length=100, primary_key=True)
    kind = models.CharField(max_length=12)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class OutboxCursor(models.Model):
    """The publisher has made Notifications of every record entry up to here."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    record_seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_outbox_cursor")]

    def __str__(self) -> str:
        return str(self.record_seq)
