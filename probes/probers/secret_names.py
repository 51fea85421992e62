"""Which variables a spec needs on the agent that runs it, by name, so that all that are missing can be told at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probes.probers import templates
from probes.probers.specs import Spec

# The parts of `credentials` that a recipe of payment_flow reads.
_RECIPES: Mapping[str, tuple[str, ...]] = {
    "oauth": ("KEY", "SECRET"),
    "gateway": (),
    "stk-query": ("KEY", "SECRET", "PASSKEY"),
    "qr": ("KEY", "SECRET"),
    "status-rt": ("KEY", "SECRET", "CALLBACK", "INITIATOR", "CREDENTIAL", "RECEIPT"),
    "balance-rt": ("KEY", "SECRET", "CALLBACK", "INITIATOR", "CREDENTIAL"),
    "c2b-sim": ("KEY", "SECRET"),
}
_AUTH: Mapping[str, tuple[str, ...]] = {"basic": ("_USER", "_PASSWORD"), "bearer": ("",), "oauth2": ("_KEY", "_SECRET")}


def variables(kind: str, spec: Spec) -> list[str]:
    """HALI_SECRET_… and HALI_FILE_… that a valid spec needs, each once, in the order of their names."""
    return sorted(set(_variables(kind, spec)))


def _variables(kind: str, spec: Spec) -> Iterator[str]:
    if kind == "payment_flow":
        names = [f"{spec.get('credentials', '')}_{part}" for part in _RECIPES.get(str(spec.get("recipe")), ())]
        yield from _secrets(names)
    elif kind in {"sql", "queue"}:
        yield from _secrets([spec["url"]])
    elif kind == "smtp" and "auth" in spec:
        yield from _secrets(f"{spec['auth']}{part}" for part in _AUTH["basic"])
    elif "secret" in spec:
        yield from _secrets([spec["secret"]])
    elif kind == "flow":
        yield from _secrets(templates.secrets_in(dict(spec)))
    if "callback" in spec.get("answers_later", {}):
        yield from _secrets([f"{spec['answers_later']['callback']}_CALLBACK"])
    for call in (spec, spec.get("token", {}), *spec.get("steps", [])):
        yield from _of_request(call)


def _of_request(call: Mapping[str, Any]) -> Iterator[str]:
    """Of one request: its headers, its authorization, its certificates."""
    yield from _secrets(call.get("secret_headers", {}).values())
    if isinstance(auth := call.get("auth"), dict):
        yield from _secrets(f"{auth[kind]}{part}" for kind, parts in _AUTH.items() if kind in auth for part in parts)
    tls = call.get("tls", {})
    yield from (f"HALI_FILE_{tls[key]}" for key in ("ca", "client_certificate") if key in tls)


def _secrets(names: Any) -> Iterator[str]:
    return (f"HALI_SECRET_{name}" for name in names)
