"""Who hears of it, what is to be told, and each telling."""

from __future__ import annotations

from django.db import models

from incidents.models import Component, IncidentUpdate


class SubscriberState(models.TextChoices):
    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def active(self) -> SubscriberQuerySet:
        return self.filter(state=SubscriberState.ACTIVE)


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
    confirmed_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)
    consent = models.JSONField(default=dict, blank=True, help_text="When, from where and on which wording they agreed.")

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "address_hash"], name="one_subscriber_per_address")]
        indexes = [
            models.Index(fields=["confirm_due_at"], condition=models.Q(confirm_due_at__isnull=False), name="confirmation_due"),
            models.Index(fields=["created_at"], condition=models.Q(state="pending"), name="subscriber_unconfirmed"),
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


class Subscription(models.Model):
    """What a subscriber follows; a null component is the whole page."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="subscriptions")
    component = models.ForeignKey(Component, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "component"], name="one_subscription_per_component"),
            models.UniqueConstraint(
                fields=["subscriber"], condition=models.Q(component__isnull=True), name="one_subscription_to_everything"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.component_id or 'everything'}"


class Notification(models.Model):
    """One published item that subscribers may hear of, derived from the record: unique per record entry."""

    record_seq = models.PositiveBigIntegerField(unique=True)
    kind = models.CharField(max_length=40, help_text="The record entry's kind.")
    update = models.ForeignKey(IncidentUpdate, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    cursor = models.BigIntegerField(default=0, help_text="Fan-out has reached this subscriber id.")
    expanded_at = models.DateTimeField(null=True, blank=True, help_text="When every delivery of it existed.")

    class Meta:
        indexes = [models.Index(fields=["id"], condition=models.Q(expanded_at__isnull=True), name="notification_to_expand")]

    def __str__(self) -> str:
        return f"{self.record_seq} {self.kind}"


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    SUPERSEDED = "superseded"


class Delivery(models.Model):
    """One telling to one subscriber. The row is the retry: state, when it is due, who holds it until when."""

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=12)
    state = models.CharField(max_length=12, choices=DeliveryState, default=DeliveryState.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True, default="")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notification", "subscriber"], name="one_delivery_per_subscriber")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state="pending"), name="delivery_due"),
            models.Index(fields=["lease_until"], condition=models.Q(lease_until__isnull=False), name="delivery_leased"),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id} to {self.subscriber_id}: {self.state}"


class OutboxCursor(models.Model):
    """The publisher has made Notifications of every record entry up to here."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    record_seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_outbox_cursor")]

    def __str__(self) -> str:
        return str(self.record_seq)
