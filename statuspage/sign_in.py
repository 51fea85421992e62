"""How allauth is set: what signing in at the desk asks for, and what it never offers."""

from __future__ import annotations

from typing import Any

from statuspage import oidc as company


def of_allauth(*, issuer: str, proxies: int, is_https: bool, oidc: company.Provider | None) -> dict[str, Any]:
    """Its settings by name. `issuer` stands in apps that show codes; so many `proxies` of ours note where a request came from."""
    wanted: dict[str, Any] = {
        "ACCOUNT_ADAPTER": "statuspage.accounts.Adapter",
        "SOCIALACCOUNT_ADAPTER": "statuspage.accounts.SocialAdapter",
        "MFA_ADAPTER": "statuspage.accounts.SecondFactor",
        "ACCOUNT_LOGIN_METHODS": {"username"},
        "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*"],  # sign-up is closed; allauth wants to know what it would ask
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        "ACCOUNT_EMAIL_NOTIFICATIONS": True,
        "ACCOUNT_SESSION_REMEMBER": False,
        "ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE": False,
        "ACCOUNT_RATE_LIMITS": {"login_failed": "10/m/ip,5/5m/key", "reauthenticate": "10/m/user"},
        "ALLAUTH_TRUSTED_PROXY_COUNT": proxies,
        "MFA_SUPPORTED_TYPES": ["webauthn", "totp", "recovery_codes"],
        "MFA_PASSKEY_LOGIN_ENABLED": True,
        "MFA_ALLOW_UNVERIFIED_EMAIL": True,
        "MFA_TOTP_TOLERANCE": 1,  # phone clocks drift
        "MFA_TOTP_ISSUER": issuer,
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": not is_https,  # browsers allow it on localhost alone
        "USERSESSIONS_TRACK_ACTIVITY": False,
    }
    if oidc:
        wanted |= {
            "SOCIALACCOUNT_PROVIDERS": company.providers(oidc),
            "SOCIALACCOUNT_EMAIL_AUTHENTICATION": True,
            "SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT": True,
            "SOCIALACCOUNT_LOGIN_ON_GET": False,
        }
    return wanted
