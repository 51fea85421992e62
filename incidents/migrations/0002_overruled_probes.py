from django.db import migrations, models

STATUSES = [
    ("major_outage", "Major Outage"),
    ("partial_outage", "Partial Outage"),
    ("degraded_performance", "Degraded Performance"),
    ("delayed", "Delayed"),
    ("unknown", "Unknown"),
    ("under_maintenance", "Under Maintenance"),
    ("operational", "Operational"),
]


def hold_as_before(apps, schema_editor):
    """Until now a typed reason held every state of its update, against anything probes said."""
    affected = apps.get_model("incidents", "AffectedComponent")
    affected.objects.filter(update__publication="published").exclude(update__reason="").update(overruled="major_outage")


class Migration(migrations.Migration):

    dependencies = [("incidents", "0001_the_record")]

    operations = [
        migrations.AddField(
            model_name="affectedcomponent",
            name="overruled",
            field=models.CharField(blank=True, choices=STATUSES, default="", editable=False, max_length=24),
        ),
        migrations.RunPython(hold_as_before, migrations.RunPython.noop),
    ]
