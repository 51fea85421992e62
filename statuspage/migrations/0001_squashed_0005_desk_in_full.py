# Every table as it stands after the migrations it replaces, which only an older copy still goes through: a fresh one is
# ready in a third of the time.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from incidents.migrations_together import Together


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('statuspage', '0001_heartbeats'),
        ('statuspage', '0002_duty_and_freeze'),
        ('statuspage', '0003_desk_drafts'),
        ('statuspage', '0004_api_tokens'),
        ('statuspage', '0005_desk_in_full'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('incidents', '0001_squashed_0014_corrected_facts_and_words'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(
            models=[migrations.CreateModel(
                name='DeskDraft',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('update', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='desk_drafts', to='incidents.incidentupdate')),
                    ('fields', models.JSONField(help_text='{field: [value, …]} as the browser posted it.')),
                    ('saved_at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['-saved_at'],
                    'constraints': [models.UniqueConstraint(fields=('person', 'update'), name='one_desk_draft_per_person_and_update')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='FormToken',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('token', models.CharField(max_length=40, unique=True)),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('update', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='incidents.incidentupdate')),
                    ('used_at', models.DateTimeField()),
                ],
                options={
                    'indexes': [],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='DutyShift',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('role', models.CharField(choices=[('author', 'Author'), ('approver', 'Approver'), ('engineer', 'Engineer')], max_length=10)),
                    ('starts_at', models.DateTimeField(verbose_name='from')),
                    ('ends_at', models.DateTimeField(db_index=True, verbose_name='to')),
                ],
                options={
                    'ordering': ['-starts_at', '-id'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='a_shift_ends_after_it_began', violation_error_message='The shift ends before it begins: change From or To.')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='StaffAlert',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('draft', 'Draft opened'), ('unattended', 'Published by itself'), ('signature', 'Signature waiting'), ('translation', 'Words still to come'), ('set_time', 'Not out at its time'), ('promise', 'Promise due'), ('statement', 'Statement lapsing'), ('agent', 'Agent silent'), ('probe', 'Probe misconfigured'), ('snapshot', 'Snapshot old')], max_length=12)),
                    ('key', models.CharField(help_text='Names its cause and moment: raised once.', max_length=160, unique=True)),
                    ('severity', models.CharField(choices=[('critical', 'critical'), ('warning', 'warning')], max_length=8)),
                    ('title', models.CharField(max_length=200)),
                    ('text', models.CharField(blank=True, max_length=300)),
                    ('path', models.CharField(help_text='Where at the desk it is dealt with.', max_length=200)),
                    ('raised_at', models.DateTimeField()),
                    ('stage', models.PositiveSmallIntegerField(default=0, help_text='How many of its calls were made.')),
                    ('resolved_at', models.DateTimeField(blank=True, help_text='When the cause was gone.', null=True)),
                    ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                    ('acknowledged_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-id'],
                    'default_permissions': ('view',),
                    'indexes': [models.Index(condition=models.Q(('resolved_at', None)), fields=['kind'], name='open_alerts')],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='AlertSending',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sendings', to='statuspage.staffalert')),
                    ('channel', models.CharField(choices=[('mail', 'mail'), ('push', 'push'), ('webhook', 'webhook'), ('pagerduty', 'pagerduty')], max_length=10)),
                    ('person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('event', models.CharField(default='trigger', help_text='trigger, again, acknowledge or resolve; people hear the first two.', max_length=12)),
                    ('due_at', models.DateTimeField(blank=True, help_text='Empty once it was sent or given up.', null=True)),
                    ('attempt', models.PositiveSmallIntegerField(default=0)),
                    ('sent_at', models.DateTimeField(blank=True, null=True)),
                    ('error', models.CharField(blank=True, max_length=200)),
                ],
                options={
                    'ordering': ['id'],
                    'default_permissions': (),
                    'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='sendings_due')],
                    'constraints': [models.UniqueConstraint(fields=('alert', 'channel', 'person', 'event'), name='an_alert_is_told_once_a_person'), models.UniqueConstraint(condition=models.Q(('person', None)), fields=('alert', 'channel', 'event'), name='an_alert_is_told_once_a_way')],
                },
            ), migrations.CreateModel(
                name='Freeze',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('reason', models.CharField(max_length=200)),
                    ('frozen_at', models.DateTimeField()),
                    ('frozen_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('lifted_at', models.DateTimeField(blank=True, null=True)),
                    ('lifted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [('freeze_publishing', 'Can stop all automatic publishing, and let it go on')],
                    'constraints': [models.UniqueConstraint(models.Value(1), condition=models.Q(('lifted_at', None)), name='one_freeze_holds')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='Heartbeat',
                fields=[
                    ('name', models.CharField(help_text='publisher, queue:core, queue:notify', max_length=40, primary_key=True, serialize=False)),
                    ('at', models.DateTimeField()),
                ],
                options={
                    'indexes': [],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='Imported',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('source', models.CharField(help_text='statuspage:hbt40cyvzkpg, cachet, cstate, uptime-kuma.', max_length=120)),
                    ('kind', models.CharField(max_length=12)),
                    ('external_id', models.CharField(max_length=200)),
                    ('target', models.CharField(max_length=60)),
                    ('at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['id'],
                    'default_permissions': (),
                    'constraints': [models.UniqueConstraint(fields=('source', 'kind', 'external_id'), name='one_target_per_external_id')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='PushDevice',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='push_devices', to=settings.AUTH_USER_MODEL)),
                    ('endpoint', models.CharField(max_length=1000, unique=True)),
                    ('p256dh', models.CharField(help_text="The browser's public key, as it gave it.", max_length=120)),
                    ('auth', models.CharField(help_text="The browser's secret, as it gave it.", max_length=40)),
                    ('name', models.CharField(blank=True, max_length=120)),
                    ('added_at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['id'],
                    'default_permissions': (),
                    'indexes': [],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='RoleGrant',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='auth.group')),
                    ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('asked_at', models.DateTimeField()),
                    ('given_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('given_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['id'],
                    'default_permissions': (),
                    'constraints': [models.UniqueConstraint(condition=models.Q(('given_at', None)), fields=('person', 'group'), name='a_role_is_asked_once')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='Token',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.SlugField(help_text='What uses it: nightly-books, deploy-pipeline.', max_length=60, unique=True)),
                    ('owner', models.ForeignKey(help_text='Who answers for what it writes.', on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to=settings.AUTH_USER_MODEL)),
                    ('scopes', models.JSONField(default=list, help_text='What it is for.')),
                    ('mark', models.CharField(editable=False, max_length=12, null=True, unique=True)),
                    ('secret_hash', models.CharField(blank=True, default='', editable=False, max_length=64)),
                    ('made_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('made_at', models.DateTimeField(editable=False)),
                    ('taken_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('expires_at', models.DateTimeField(help_text='At most a year from now.')),
                    ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('revoked_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('components', models.ManyToManyField(blank=True, help_text='The services it may speak of; none: all of them.', related_name='+', to='incidents.component')),
                ],
                options={
                    'ordering': ['-id'],
                    'default_permissions': ('add', 'change', 'view'),
                    'indexes': [],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='IdempotencyKey',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('token', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='statuspage.token')),
                    ('key', models.CharField(max_length=200)),
                    ('fingerprint', models.CharField(help_text='SHA-256 of method, address and body.', max_length=64)),
                    ('status', models.PositiveSmallIntegerField(null=True)),
                    ('body', models.TextField(blank=True, default='')),
                    ('asked_at', models.DateTimeField(db_index=True)),
                ],
                options={
                    'default_permissions': (),
                    'constraints': [models.UniqueConstraint(fields=('token', 'key'), name='one_answer_per_idempotency_key')],
                    'indexes': [],
                },
            )],
        ),
    ]
