"""The payment endpoints, as one map. Each: the gateway's ledger and a request in, an answer out."""

from __future__ import annotations

from collections.abc import Mapping

from probes.sandbox import merchant, stk
from probes.sandbox.asking import Endpoint

ENDPOINTS: Mapping[str, tuple[str, Endpoint]] = {
    "/oauth/v1/generate": ("GET", stk.generate_token),
    "/mpesa/stkpush/v1/processrequest": ("POST", stk.push_stk),
    "/mpesa/stkpushquery/v1/query": ("POST", stk.query_stk),
    "/mpesa/qrcode/v1/generate": ("POST", stk.generate_qr),
    **{path: ("POST", endpoint) for path, endpoint in merchant.CALLS.items()},
}
# The folders of the known APIs: a wrong call of one of them has a code of its own.
APIS = tuple(sorted({"/".join(path.split("/")[:3]) + "/" for path in ENDPOINTS if path.startswith("/mpesa/")}))
