"""Single sign-on by the company's own provider (OpenID Connect), read from one setting. It is never the only way in."""

from __future__ import annotations

from typing import Any, NamedTuple

ID = "company"


class Provider(NamedTuple):
    """`issuer` is the https address that /.well-known/openid-configuration stands under."""

    issuer: str
    client_id: str
    secret: str
    name: str


def parse(value: str, *, secret: str) -> Provider | None:
    """“issuer client-id [name]”; None for nothing. Raises ValueError with what to change."""
    if not value:
        return None
    parts = value.split(None, 2)
    if len(parts) < 2 or not parts[0].startswith("https://"):
        raise ValueError("give the issuer's https address, a space, the client's id, and a name for the button if you like")
    if not secret:
        raise ValueError("HALI_OIDC_SECRET is empty: give the client's secret")
    return Provider(parts[0].rstrip("/"), parts[1], secret, parts[2] if len(parts) > 2 else "the company account")


def providers(provider: Provider) -> dict[str, Any]:
    """allauth's SOCIALACCOUNT_PROVIDERS: one provider, with PKCE; an address counts only if the provider has verified it."""
    app = {
        "provider_id": ID,
        "name": provider.name,
        "client_id": provider.client_id,
        "secret": provider.secret,
        "settings": {"server_url": provider.issuer},
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}
