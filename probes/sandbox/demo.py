"""The sandbox's public demo values: everybody may know them, and they open nothing but the sandbox."""

from __future__ import annotations

KEY = "sandbox-demo-key"
SECRET = "sandbox-demo-secret"  # noqa: S105  public on purpose
PASSKEY = "sandbox-demo-passkey"
INITIATOR = "sandbox-demo-initiator"
SECURITY_CREDENTIAL = "c2FuZGJveC1kZW1vLWNyZWRlbnRpYWw="
SHORTCODE = "174379"
ELECTRICITY = "888100"  # a biller: its own system receives what is paid to this short code
SHORTCODES = (SHORTCODE, ELECTRICITY)
PAYER = "254708374149"

# STK queries for these ids always get the same answer, whatever was pushed before: a probe's "one old request of our own".
PAID = "ws_CO_DEMO_PAID"
PROCESSING = "ws_CO_DEMO_PROCESSING"  # answered with the envelope "being processed"
CHECKOUTS = {
    PAID: "0",
    "ws_CO_DEMO_CANCELLED": "1032",
    "ws_CO_DEMO_UNREACHABLE": "1037",
    "ws_CO_DEMO_PENDING": "4999",
}
RECEIPT = "SANDBOX001"  # the receipt of one old payment of our own, for transaction status
