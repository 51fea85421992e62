"""Where a gateway posts its later answers: an address with an unguessable part, so it is a secret of the agent."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from probes.outcome import TargetError
from probes.probers import credentials, specs

FORBIDDEN = ("mpesa", "exec", "cmd", "sql", "query")  # the gateway refuses addresses with these words


def base(app_name: str, *, is_demo: bool) -> str:
    """HALI_SECRET_<credentials>_CALLBACK: the web app's https://…/callbacks/<HALI_CALLBACK_TOKEN>, without a slash at its end.

    The demo's agent lives beside its web app and knows both parts. Raises MissingSecret, or TargetError with what to change; the
    address itself is never repeated.
    """
    variable = f"{app_name}_CALLBACK"
    token = os.environ.get("HALI_CALLBACK_TOKEN", "")
    if is_demo and token and not credentials.optional(variable):
        return f"http://127.0.0.1:{os.environ.get('HALI_PORT') or '8000'}/callbacks/{token}"
    address = credentials.secret(variable).rstrip("/")
    try:
        parts = urlsplit(address)
        is_local = specs.is_loopback(parts.hostname)
    except ValueError:
        raise TargetError(f"HALI_SECRET_{variable}: is not an address.") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise TargetError(f"HALI_SECRET_{variable}: give https://; http:// is for this machine only.")
    if any(word in address.lower() for word in FORBIDDEN):
        raise TargetError(
            f"HALI_SECRET_{variable}: holds a word the gateway refuses ({', '.join(FORBIDDEN)}); choose another path."
        )
    return address
