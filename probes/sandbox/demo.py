"""The sandbox's public demo values: everybody may know them, and they open nothing but the sandbox."""

from __future__ import annotations

KEY = "sandbox-demo-key"
SECRET = "sandbox-demo-secret"  # noqa: S105  public on purpose
PASSKEY = "sandbox-demo-passkey"
SHORTCODE = "174379"

# STK queries for these ids always get the same answer, whatever was pushed before: a probe's "one old request of our own".
PAID = "ws_CO_DEMO_PAID"
CHECKOUTS = {
    PAID: "0",
    "ws_CO_DEMO_CANCELLED": "1032",
    "ws_CO_DEMO_UNREACHABLE": "1037",
    "ws_CO_DEMO_PENDING": "4999",
}
