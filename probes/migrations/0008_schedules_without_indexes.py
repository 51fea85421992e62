import django.db.models.deletion
from django.db import migrations, models


def _leave_room(percent):
    """In PostgreSQL's pages, for a row's next version beside the one before; those that are there already move as they are written."""

    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"ALTER TABLE probes_probeschedule SET (fillfactor = {percent})")

    return run


class Migration(migrations.Migration):

    dependencies = [
        ('probes', '0001_squashed_0007_pushed_counts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='probeschedule',
            name='next_slot',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='probeschedule',
            name='probe',
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='schedules', to='probes.probe'
            ),
        ),
        migrations.AlterField(
            model_name='probeschedule',
            name='vantage',
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='schedules', to='probes.vantage'
            ),
        ),
        migrations.RunPython(_leave_room(50), _leave_room(100)),
    ]
