# Every table as it stands after the migrations it replaces, which only an older copy still goes through: a fresh one is
# ready in a third of the time.

import django.db.models.deletion
from django.db import migrations, models

from incidents.migrations_together import Together


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('subscribers', '0001_subscribers_and_outbox'),
        ('subscribers', '0002_channel_trouble'),
        ('subscribers', '0003_following_suppression_endpoints'),
        ('subscribers', '0004_outbox_in_full'),
        ('subscribers', '0005_farewells_and_lists_without_foreign_keys'),
        ('subscribers', '0006_deliveries_that_may_be_claimed'),
    ]

    dependencies = [
        ('incidents', '0001_squashed_0014_corrected_facts_and_words'),
    ]

    operations = [
        Together(
            models=[migrations.CreateModel(
                name='Subscriber',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('public_id', models.CharField(help_text='Random; the only name of a subscriber outside this table.', max_length=32, unique=True)),
                    ('channel', models.CharField(default='email', max_length=12)),
                    ('address_encrypted', models.TextField()),
                    ('address_hash', models.CharField(max_length=64)),
                    ('domain', models.CharField(db_index=True, max_length=255)),
                    ('language', models.CharField(max_length=8)),
                    ('state', models.CharField(choices=[('pending', 'Pending'), ('active', 'Active'), ('unsubscribed', 'Unsubscribed'), ('suspended', 'Suspended')], default='pending', max_length=14)),
                    ('created_at', models.DateTimeField(help_text='When they asked; the confirmation link hangs on it.')),
                    ('confirm_token_hash', models.CharField(blank=True, db_index=True, default='', max_length=64)),
                    ('confirm_sent_at', models.DateTimeField(blank=True, null=True)),
                    ('confirm_mails_sent', models.PositiveSmallIntegerField(default=0)),
                    ('confirm_due_at', models.DateTimeField(blank=True, null=True)),
                    ('confirm_attempt', models.PositiveSmallIntegerField(default=0)),
                    ('confirm_error', models.CharField(blank=True, default='', help_text='Why the last try to ask them failed.', max_length=300)),
                    ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                    ('unsubscribed_at', models.DateTimeField(blank=True, null=True)),
                    ('consent', models.JSONField(blank=True, default=dict, help_text='When, from where and on which wording they agreed.')),
                    ('incidents', models.BooleanField(default=True)),
                    ('planned_work', models.BooleanField(default=True)),
                    ('rebuttals', models.BooleanField(default=False, help_text='Our answers to false claims.')),
                    ('minimum_impact', models.CharField(choices=[('none', 'None'), ('minor', 'Minor'), ('major', 'Major'), ('critical', 'Critical')], default='none', max_length=12)),
                    ('rhythm', models.CharField(choices=[('each', 'Each'), ('digest', 'Digest')], default='each', max_length=8)),
                    ('confirm_tries', models.PositiveSmallIntegerField(default=0, help_text='Wrong codes typed for this asking.')),
                    ('hard_bounces', models.PositiveSmallIntegerField(default=0, help_text='In a row; the second one suspends.')),
                ],
                options={
                    'permissions': [('export_subscriber', 'Can take addresses out')],
                    'indexes': [models.Index(condition=models.Q(('confirm_due_at__isnull', False)), fields=['confirm_due_at'], name='confirmation_due'), models.Index(condition=models.Q(('state', 'pending')), fields=['created_at'], name='subscriber_unconfirmed')],
                    'constraints': [models.UniqueConstraint(fields=('channel', 'address_hash'), name='one_subscriber_per_address')],
                },
            ), migrations.CreateModel(
                name='ChannelTrouble',
                fields=[
                    ('channel', models.CharField(max_length=12, primary_key=True, serialize=False)),
                    ('since', models.DateTimeField()),
                    ('failures', models.PositiveIntegerField(default=1, help_text='Tries in a row that came to nothing.')),
                    ('quiet_until', models.DateTimeField()),
                    ('words', models.CharField(max_length=300)),
                ],
                options={
                    'ordering': ['channel'],
                    'indexes': [],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='Subscription',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='subscribers.subscriber')),
                    ('component', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='incidents.component')),
                    ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='incidents.componentgroup')),
                    ('incident', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='incidents.incident')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('subscriber', 'component'), name='one_subscription_per_component'), models.UniqueConstraint(fields=('subscriber', 'group'), name='one_subscription_per_group'), models.UniqueConstraint(fields=('subscriber', 'incident'), name='one_subscription_per_incident'), models.UniqueConstraint(condition=models.Q(('component__isnull', True), ('group__isnull', True), ('incident__isnull', True)), fields=('subscriber',), name='one_subscription_to_everything'), models.CheckConstraint(condition=models.Q(models.Q(('component__isnull', True), ('group__isnull', True), ('incident__isnull', True)), models.Q(('component__isnull', False), ('group__isnull', True), ('incident__isnull', True)), models.Q(('component__isnull', True), ('group__isnull', False), ('incident__isnull', True)), models.Q(('component__isnull', True), ('group__isnull', True), ('incident__isnull', False)), _connector='OR'), name='subscription_follows_one_thing')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='Suppression',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('channel', models.CharField(max_length=12)),
                    ('address_hash', models.CharField(max_length=64)),
                    ('reason', models.CharField(choices=[('opted_out', 'Opted Out'), ('bounced', 'Bounced'), ('complained', 'Complained'), ('refused', 'Refused'), ('by_staff', 'By Staff')], max_length=12)),
                    ('since', models.DateTimeField()),
                    ('until', models.DateTimeField(blank=True, help_text='Empty: until staff lifts it, or they opt in again.', null=True)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('channel', 'address_hash'), name='one_suppression_per_address')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='Farewell',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('channel', models.CharField(default='sms', max_length=12)),
                    ('address_hash', models.CharField(max_length=64)),
                    ('address_encrypted', models.TextField()),
                    ('language', models.CharField(max_length=8)),
                    ('asked_at', models.DateTimeField()),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('channel', 'address_hash'), name='one_farewell_per_address')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='Endpoint',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('subscriber', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='endpoint', to='subscribers.subscriber')),
                    ('payload', models.CharField(choices=[('statuspage', 'Statuspage'), ('hali', 'Hali')], default='hali', max_length=12)),
                    ('secret_encrypted', models.TextField()),
                    ('shown_at', models.DateTimeField(blank=True, help_text='When the secret was shown; it is not shown again.', null=True)),
                    ('old_secret_encrypted', models.TextField(blank=True, default='', help_text='Signs beside the new one after a rotation.')),
                    ('old_until', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'indexes': [],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='Notification',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('record_seq', models.PositiveBigIntegerField(unique=True)),
                    ('kind', models.CharField(help_text="The record entry's kind.", max_length=40)),
                    ('update', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='incidents.incidentupdate')),
                    ('thread', models.CharField(blank=True, default='', help_text='Public id of the incident or work it is about.', max_length=12)),
                    ('created_at', models.DateTimeField()),
                    ('send_at', models.DateTimeField(help_text='Nothing of it goes out before: until then it can be stopped.')),
                    ('cursor', models.BigIntegerField(default=0, help_text='Fan-out has reached this subscriber id.')),
                    ('expanded_at', models.DateTimeField(blank=True, help_text='When every delivery of it existed.', null=True)),
                    ('stopped_at', models.DateTimeField(blank=True, help_text='Somebody stopped the sending.', null=True)),
                    ('cleared_at', models.DateTimeField(blank=True, help_text='When nothing of what was stopped waited any more.', null=True)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('expanded_at__isnull', True)), fields=['id'], name='notification_to_expand'), models.Index(condition=models.Q(('cleared_at__isnull', True), ('stopped_at__isnull', False)), fields=['id'], name='notification_to_clear'), models.Index(fields=['thread', 'record_seq'], name='notification_of_thread')],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='Delivery',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('notification', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='subscribers.notification')),
                    ('subscriber', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='subscribers.subscriber')),
                    ('channel', models.CharField(max_length=12)),
                    ('domain', models.CharField(blank=True, default='', help_text='Of the address: what is paced together.', max_length=255)),
                    ('state', models.CharField(choices=[('pending', 'Pending'), ('sent', 'Sent'), ('dead', 'Dead'), ('superseded', 'Superseded'), ('cancelled', 'Cancelled')], default='pending', max_length=12)),
                    ('attempt', models.PositiveSmallIntegerField(default=0)),
                    ('due_at', models.DateTimeField()),
                    ('wanted_at', models.DateTimeField(help_text='When it was first due: it is given up so long after that.')),
                    ('digest', models.BooleanField(default=False, help_text='It goes out with all that waits for them, once a day.')),
                    ('lease_until', models.DateTimeField(blank=True, null=True)),
                    ('last_error', models.CharField(blank=True, default='', max_length=300)),
                    ('sent_at', models.DateTimeField(blank=True, null=True)),
                    ('reference', models.CharField(blank=True, default='', help_text="The other side's name of it.", max_length=80)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('lease_until', None), ('state', 'pending')), fields=['due_at', 'id'], name='delivery_due'), models.Index(condition=models.Q(('lease_until__isnull', False)), fields=['lease_until'], name='delivery_leased'), models.Index(condition=models.Q(('reference', ''), _negated=True), fields=['reference'], name='delivery_reference')],
                    'constraints': [models.UniqueConstraint(fields=('notification', 'subscriber'), name='one_delivery_per_subscriber')],
                },
            ), migrations.CreateModel(
                name='Pace',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('channel', models.CharField(max_length=12)),
                    ('domain', models.CharField(blank=True, default='', max_length=255)),
                    ('tokens', models.FloatField(default=0)),
                    ('refilled_at', models.DateTimeField(blank=True, null=True)),
                    ('factor', models.FloatField(default=1, help_text='Of the rate that is set: halved when they ask us to slow down.')),
                    ('failures', models.PositiveIntegerField(default=0, help_text='Times in a row that it hung or told us to slow down.')),
                    ('quiet_until', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('channel', 'domain'), name='one_pace_per_domain')],
                    'indexes': [],
                },
            ), migrations.CreateModel(
                name='BounceReport',
                fields=[
                    ('key', models.CharField(max_length=100, primary_key=True, serialize=False)),
                    ('kind', models.CharField(max_length=12)),
                    ('at', models.DateTimeField(db_index=True)),
                ],
                options={
                    'indexes': [],
                    'constraints': [],
                },
            ), migrations.CreateModel(
                name='OutboxCursor',
                fields=[
                    ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('record_seq', models.PositiveBigIntegerField(default=0)),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_outbox_cursor')],
                    'indexes': [],
                },
            )],
        ),
    ]
