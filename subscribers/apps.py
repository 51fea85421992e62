from django.apps import AppConfig
from django.conf import settings


class SubscribersConfig(AppConfig):
    name = "subscribers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from subscribers import checks  # noqa: F401 - registers the system checks

        if settings.MAIL_WEBHOOK_SECRET:
            from anymail.signals import tracking

            from subscribers import mail_events

            tracking.connect(mail_events.take)
