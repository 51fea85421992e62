"""Celery's settings. Why each value: README, “Decisions”."""

from __future__ import annotations

from django.conf import settings

broker_url = settings.REDIS_URL
broker_transport_options = {
    "visibility_timeout": 300,  # above the hard time limits below
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "global_keyprefix": "hali:",
    "priority_steps": [0],  # one list a queue: nothing here has a priority, and an agent's user is let to its own list only
}
if broker_url.startswith("redis+socket://"):
    del broker_transport_options["socket_keepalive"]  # a unix socket has none
if settings.HALI_AGENT:  # at the broker an agent's user may touch nothing but its own queue, and hand in outcomes
    own = f"probes.{settings.HALI_AGENT}"
    broker_transport_options |= {
        "unacked_key": f"{own}.unacked",
        "unacked_index_key": f"{own}.unacked_index",
        "unacked_mutex_key": f"{own}.unacked_mutex",
    }
    worker_enable_remote_control = False
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # never give up
result_backend = None  # state is in our tables
task_ignore_result = True
task_publish_retry_policy = {"max_retries": 0}  # a dead broker answers at once; rows keep the work
task_create_missing_queues = True  # one queue a vantage, probes.<vantage>
task_serializer = "json"
accept_content = ["json"]
task_default_queue = "core"
task_routes = {"subscribers.tasks.*": {"queue": "notify"}}
worker_send_task_events = False
worker_hijack_root_logger = False
worker_prefetch_multiplier = 1
worker_max_tasks_per_child = 1000
worker_max_memory_per_child = 400_000
worker_soft_shutdown_timeout = 3
CELERY_DB_REUSE_MAX = 1000  # tasks on one connection to the database: a new one for each costs it more than most tasks do
task_soft_time_limit = 45
task_time_limit = 60
timezone = "UTC"
enable_utc = True
beat_scheduler = "statuspage.beat:MarkingScheduler"  # in memory: the schedule that matters lives in rows
beat_max_loop_interval = 1
beat_schedule = {
    "dispatch due probes": {
        "task": "probes.tasks.dispatch_due",
        "schedule": 1.0,
        "options": {"queue": "dispatch", "expires": 2},
    },
    "roll up and prune results": {
        "task": "probes.tasks.roll_up",
        "schedule": 300.0,
        "options": {"queue": "core", "expires": 300},
    },
    "let go of old rows": {
        "task": "statuspage.tasks.prune",
        "schedule": 3600.0,
        "options": {"queue": "core", "expires": 600},
    },
    "canary of the core queue": {
        "task": "statuspage.tasks.canary",
        "schedule": 5.0,
        "kwargs": {"queue": "core"},
        "options": {"queue": "core", "expires": 10},
    },
    "canary of the notify queue": {
        "task": "statuspage.tasks.canary",
        "schedule": 5.0,
        "kwargs": {"queue": "notify"},
        "options": {"queue": "notify", "expires": 10},
    },
    "read what came back by mail": {
        "task": "subscribers.tasks.read_bounces",
        "schedule": 60.0,
        "options": {"queue": "notify", "expires": 50},
    },
    "note the audit log's head": {
        "task": "statuspage.tasks.note_audit_head",
        "schedule": 3600.0,
        "options": {"queue": "core", "expires": 1800},
    },
    "purge unconfirmed subscribers": {
        "task": "subscribers.tasks.purge_unconfirmed",
        "schedule": 3600.0,
        "options": {"queue": "notify", "expires": 600},
    },
}
