from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q
from django.utils import timezone


def tell_apart(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """STOP comes from phones alone. Which phones left by a link nobody knows: they stay as if they had sent it."""
    rows = apps.get_model("subscribers", "Suppression").objects.filter(reason="opted_out")
    rows.exclude(channel="sms").update(reason="left")


def put_together(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("subscribers", "Suppression").objects.filter(reason="left").update(reason="opted_out", until=None)


def end_askings(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Who was suspended while they were asked never confirmed: they become askings of a week ago, which the next purge ends."""
    held = apps.get_model("subscribers", "Subscriber").objects.filter(state="suspended")
    asked = held.filter(Q(confirmed_at=None) | Q(unsubscribed_at__isnull=False))
    week_ago = timezone.now() - timedelta(days=7)
    asked.filter(created_at__gt=week_ago).update(created_at=week_ago)
    asked.update(state="pending", confirm_token_hash="", confirm_sent_at=None, confirm_due_at=None)


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0010_staff_notes")]

    operations = [
        migrations.AlterField(
            model_name="suppression",
            name="reason",
            field=models.CharField(
                choices=[
                    ("left", "Left"),
                    ("opted_out", "Opted Out"),
                    ("bounced", "Bounced"),
                    ("complained", "Complained"),
                    ("refused", "Refused"),
                    ("by_staff", "By Staff"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="until",
            field=models.DateTimeField(
                blank=True,
                help_text="Until when a bounce bars it, also beside their own will, which has no end. "
                "Empty: until staff lifts it, or they opt in again.",
                null=True,
            ),
        ),
        migrations.RunPython(tell_apart, put_together, elidable=True),
        migrations.RunPython(end_askings, migrations.RunPython.noop, elidable=True),
    ]
