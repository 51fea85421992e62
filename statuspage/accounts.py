"""What allauth asks of us: sign-up is closed, sign-ins and factors are logged, secrets of apps lie encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from incidents import audit
from statuspage.doors import client_of
from subscribers.addresses import fernet_of

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

# What allauth mails a person about their account, as acts of the log.
_ACTS = {
    "mfa/email/totp_activated": ("factor.add", "totp"),
    "mfa/email/totp_deactivated": ("factor.remove", "totp"),
    "mfa/email/webauthn_added": ("factor.add", "webauthn"),
    "mfa/email/webauthn_removed": ("factor.remove", "webauthn"),
    "mfa/email/recovery_codes_generated": ("factor.add", "recovery_codes"),
    "account/email/password_changed": ("user.password", "changed"),
    "account/email/password_set": ("user.password", "set"),
    "account/email/password_reset": ("user.password", "reset"),
}


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_from_email(self) -> str:
        return str(settings.MAIL_FROM)

    def format_email_subject(self, subject: str) -> str:
        return f"{settings.PROVIDER_NAME} desk: {subject}"

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_of(request) or "0.0.0.0"  # noqa: S104  an address that nobody has

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        if isinstance(user, User):
            audit.log(act="session.sign_in", actor=user, now=timezone.now(), target=user.get_username())

    def logout(self, request: HttpRequest) -> None:
        log_sign_out(request)
        super().logout(request)

    def send_notification_mail(
        self, template_prefix: str, user: AbstractBaseUser, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """allauth tells a person by mail what changed about their account; the log hears of it too."""
        if template_prefix in _ACTS and isinstance(user, User):
            act, what = _ACTS[template_prefix]
            audit.log(act=act, actor=user, now=timezone.now(), target=user.get_username(), details={"what": what})
        super().send_notification_mail(template_prefix, user, context, email or getattr(user, "email", None))

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Signing in and out needs no message: one sees it."""
        if message_template not in ("account/messages/logged_in.txt", "account/messages/logged_out.txt"):
            super().add_message(request, level, message_template, *args, **kwargs)


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of apps that show codes lie encrypted in the database, as addresses do."""

    def encrypt(self, text: str) -> str:
        keys = tuple(settings.ADDRESS_KEYS)
        return fernet_of(keys).encrypt(text.encode()).decode() if keys else text

    def decrypt(self, encrypted_text: str) -> str:
        keys = tuple(settings.ADDRESS_KEYS)
        try:
            return fernet_of(keys).decrypt(encrypted_text.encode()).decode() if keys else encrypted_text
        except InvalidToken:  # written before there was a key
            return encrypted_text


def log_sign_out(request: HttpRequest) -> None:
    if isinstance(request.user, User):
        audit.log(act="session.sign_out", actor=request.user, now=timezone.now(), target=request.user.get_username())


def __getattr__(name: str) -> Any:
    """SocialAdapter, made where OIDC is set: elsewhere allauth's part for it is not installed and cannot be imported."""
    if name != "SocialAdapter":
        raise AttributeError(name)
    from allauth.socialaccount.adapter import DefaultSocialAccountAdapter

    class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
        """Only people who have an account already: found by an address that the provider has verified."""

        def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
            return False

    return SocialAdapter
