"""What a spec of kind `flow` may say. A step is a request as the kind `http` knows it, with names in its texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult
from zoneinfo import available_timezones

from probes.gateway_callbacks import FIELD
from probes.outcome import TargetError
from probes.probers import assertions, authorization, http_spec, jsonpaths, limits, never_scheduled, patterns, specs, templates
from probes.probers.specs import Spec

KEYS = ("base_url", "time_zone", "auth", "tls", "token", "steps", "answers_later", *limits.KEYS)
_HTTP = ("method", "headers", "secret_headers", "body", "auth", "expect_status", "assertions", *limits.KEYS)
TOKEN_KEYS = ("path", "url", *_HTTP[:-3], "extract", "lives_s")
STEP_KEYS = ("name", "path", "url", *_HTTP, "ours_status", "extract", "tries")
LATER_KEYS = ("correlation", "callback", "code", "ok", "failed", "ours", "late_s", "lost_s")
EXTRACT_KEYS = ("json", "header", "regex")

STEPS_AT_MOST = 10
EXTRACTS_AT_MOST = 10
TRIES_AT_MOST = 3
# What every run has, before its first step.
BUILT_IN = frozenset({"run", "uuid", "now", "now_iso", "now_stamp"})
OURS = (400, 401, 403, 405, 406, 415, 422)  # refusals that are our own mistake, where a step does not say otherwise
LATE_S, LOST_S, LONGEST_S = 30.0, 180.0, 1800.0
CODES_AT_MOST = 30


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    spec = {**spec, "base_url": _base_url(spec)}
    if specs.text(spec, "time_zone") not in {"", *available_timezones()}:
        specs.refuse("time_zone: is not a name of the IANA list; give one such as Africa/Nairobi.", None)
    with specs.part():
        limits.validate(spec)
    if "auth" in spec:
        with specs.part():
            authorization.validate(spec["auth"])
    steps = spec.get("steps")
    if not isinstance(steps, list) or not 1 <= len(steps) <= STEPS_AT_MOST:
        raise TargetError(f'steps: give a list of 1 to {STEPS_AT_MOST}, for example [{{"name": "login", "path": "/login"}}].')
    known = set(BUILT_IN)
    later: Mapping[str, Any] = {}
    with specs.part():
        later = _validate_later(spec) if "answers_later" in spec else {}
    if isinstance(spec.get("answers_later"), dict) and "callback" in spec["answers_later"]:
        known.add("callback")
    if "token" in spec:
        with specs.part():
            _validate_token(spec, known)
        known.add("token")
    names: set[str] = set()
    for number, step in enumerate(steps, start=1):
        with specs.part(f"steps, number {number}"):
            _validate_step(spec, step, known, names)
        known |= set(step.get("extract", {})) if isinstance(step, dict) and isinstance(step.get("extract"), dict) else set()
    _within("answers_later", templates.require_known, later.get("correlation"), known, "correlation")


def _base_url(spec: Spec) -> str:
    """As the spec has it, where it is good."""
    parts = specs.address(spec, "base_url")
    with specs.part():
        if parts.query or parts.fragment:
            raise TargetError("base_url: give the address without ?… and #…; a step's path may have them.")
        _refuse_plain(parts, "base_url")
        return specs.NOWHERE if parts.geturl() == specs.NOWHERE else str(spec["base_url"])
    return specs.NOWHERE


def _validate_step(spec: Spec, step: Any, known: set[str], names: set[str]) -> None:
    """One step; its name goes to `names`."""
    if not isinstance(step, dict):
        raise TargetError("give an object.")
    specs.only_known(step, STEP_KEYS)
    name = specs.text(step, "name", at_most=40)
    if not templates.NAME.fullmatch(name.replace("-", "_")) or name in names:
        specs.refuse("name: give each step a name of its own, small letters, digits, - and _.", None)
    names.add(name)
    with specs.part():
        _validate_request(spec, step, known)
    specs.whole(step, "tries", 1, TRIES_AT_MOST, 1)
    with specs.part():
        statuses(step, "ours_status", OURS)
    with specs.part():
        if "token" in _validate_extract(step) and "token" in spec:
            raise TargetError("extract: token is the shared one already; give this one another name.")


def _within(where: str, call: Any, *args: Any) -> Any:
    """The call's answer; its refusal says where in the spec it is. None where that does not end the reading."""
    with specs.part(where):
        return call(*args)


def _object(value: Any, allowed: tuple[str, ...], where: str) -> None:
    if not isinstance(value, dict):
        raise TargetError(f"{where}: give an object.")
    specs.only_known(value, allowed, where)


# --- Requests -------------------------------------------------------------------------------------------


def _validate_token(spec: Spec, known: set[str]) -> None:
    """The call that fetches the shared token; it sets {{token}}."""
    token = spec["token"]
    _object(token, TOKEN_KEYS, "token")
    _within("token", _validate_request, spec, token, known)
    extracted = _within("token", _validate_extract, token)
    if extracted is not None and not {"token"} <= extracted <= {"token", "expires_s"}:
        raise TargetError('token: extract: give token, and expires_s where it is known: {"token": {"json": "$.access_token"}}.')
    _within("token", specs.seconds, token, "lives_s", 300, 86_400)


def _validate_request(spec: Spec, step: Mapping[str, Any], known: set[str]) -> None:
    headers = http_spec.mapping(step, "headers")
    step = {**step, "headers": headers, "secret_headers": http_spec.mapping(step, "secret_headers")}
    place = specs.NOWHERE
    with specs.part():
        place = address_of(spec, step)
    if templates.secrets_in(place):
        specs.refuse("path: a secret does not belong into an address, which servers log; put it into a header or the body.", None)
    if templates.secrets_in(step.get("assertions")):
        specs.refuse("assertions: a secret does not belong here; name what an answer must hold.", None)
    auth = step.get("auth") or spec.get("auth")
    if (
        "token" in templates.names_in([step.get("headers"), step.get("body")]) - known
        and isinstance(auth, dict)
        and "oauth2" in auth
    ):
        raise TargetError(
            "{{token}} is for a `token` call; with auth.oauth2 the Authorization header is sent for you: take it out."
        )
    for key in ("path", "url", "headers", "body", "assertions"):
        with specs.part():
            templates.require_known(step.get(key), known, key)
    for name in templates.secrets_in([step.get("headers"), step.get("body")]):
        specs.secret_name(name, "{{secret.NAME}}")
    if "auth" in step and _has_authorization(step):
        specs.refuse("auth: an Authorization header is given too; leave one of them out.", None)
    for name, value in headers.items():
        with specs.part():
            _validate_header(name, value)
    whole = as_http(spec, step, place, lookup=lambda name: assertions.Extracted("x"))
    _refuse_plain(specs.address(whole, "url"), "url")
    http_spec.validate(whole)
    never_scheduled.refuse_request(str(whole.get("method", "GET")), str(whole["url"]))


def _validate_header(name: Any, value: Any) -> None:
    if not isinstance(name, str) or not assertions.HEADER_NAME.fullmatch(name):
        raise TargetError(f"headers: {str(name)[:40]!r} is not a header's name.")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise TargetError(f"headers.{name}: give one line of ASCII text.")
    if http_spec.SECRET_HEADER.search(name) and not templates.names_in(value):
        raise TargetError(f'headers.{name}: its value is a secret; write "{{{{secret.NAME}}}}" or use secret_headers.')


def _refuse_plain(parts: SplitResult, key: str) -> None:
    if parts.scheme == "http" and not specs.is_loopback(parts.hostname):
        raise TargetError(f"{key}: give https://; http:// is for this machine only, since secrets travel in it.")


def address_of(spec: Spec, step: Mapping[str, Any]) -> str:
    """Where a step asks, names and all; the host has none."""
    if ("path" in step) == ("url" in step):
        raise TargetError("path: give a path below base_url, or a whole url, one of the two.")
    if "url" in step:
        url = specs.text(step, "url", at_most=2000)
        if templates.names_in("/".join(url.split("/", 3)[:3])):
            raise TargetError("url: a name in the host would send secrets wherever an answer says; write the host out.")
        return url
    path = specs.text(step, "path", at_most=2000)
    if not path.startswith("/"):
        raise TargetError("path: begin with /, for example /v1/status.")
    return str(spec["base_url"]).rstrip("/") + path


def as_http(spec: Spec, step: Mapping[str, Any], url: str, *, lookup: Any) -> dict[str, Any]:
    """The step as a spec of kind `http`. Headers with names in them are left out: see `headers_with_names`."""
    whole = {key: step[key] for key in _HTTP if key in step and key not in {"headers", "body", "assertions"}}
    for key in ("body", "assertions"):
        if key in step:
            whole[key] = templates.render(step[key], lookup)
    plain = {name: value for name, value in step.get("headers", {}).items() if not templates.names_in(value)}
    if plain:
        whole["headers"] = plain
    if "auth" not in whole and "auth" in spec and not _has_authorization(step):
        whole["auth"] = spec["auth"]
    if "tls" in spec and str(spec["base_url"]).startswith("https:"):
        whole["tls"] = spec["tls"]
    whole["url"] = templates.render(url, lookup)
    return whole


def headers_with_names(step: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in step.get("headers", {}).items() if templates.names_in(value)}


def _has_authorization(step: Mapping[str, Any]) -> bool:
    names = {name.lower() for key in ("headers", "secret_headers") for name in step.get(key, {})}
    return "authorization" in names


def statuses(step: Mapping[str, Any], key: str, default: tuple[int, ...]) -> frozenset[int]:
    """Statuses under `key`, as `expect_status` writes them."""
    if key not in step:
        return frozenset(default)
    try:
        return http_spec.expected({"expect_status": step[key]}) if step[key] != [] else frozenset()
    except TargetError as error:
        raise TargetError(str(error).replace("expect_status", key)) from None


# --- What is taken out of an answer -------------------------------------------------------------------------


def _validate_extract(step: Mapping[str, Any]) -> set[str]:
    """The variables that a step sets."""
    extract = step.get("extract", {})
    if not isinstance(extract, dict) or len(extract) > EXTRACTS_AT_MOST:
        raise TargetError(f'extract: give an object of at most {EXTRACTS_AT_MOST}, for example {{"id": {{"json": "$.id"}}}}.')
    for name, place in extract.items():
        if not templates.NAME.fullmatch(str(name)) or name in BUILT_IN or name == "callback":
            taken = ", ".join(sorted(BUILT_IN))
            raise TargetError(f"extract: {str(name)[:40]!r}: give a name in small letters that is not taken ({taken}).")
        validate_place(place, f"extract.{name}")
    return set(extract)


def validate_place(place: Any, key: str) -> None:
    if not isinstance(place, dict) or len(place) != 1 or next(iter(place)) not in EXTRACT_KEYS:
        raise TargetError(f'{key}: give one of {", ".join(EXTRACT_KEYS)}, for example {{"json": "$.id"}}.')
    if "json" in place:
        jsonpaths.validate(place["json"], f"{key}.json")
    elif "header" in place:
        if not isinstance(place["header"], str) or not assertions.HEADER_NAME.fullmatch(place["header"]):
            raise TargetError(f"{key}.header: give a header's name, for example Location.")
    elif patterns.compile_pattern(place["regex"], f"{key}.regex").groups != 1:
        raise TargetError(f"{key}.regex: give a pattern with one group, which is what is taken.")


# --- Answers that come later ----------------------------------------------------------------------------------


def _validate_later(spec: Spec) -> Mapping[str, Any]:
    later: Mapping[str, Any] = spec["answers_later"]
    _object(later, LATER_KEYS, "answers_later")
    correlation = later.get("correlation", "{{run}}")
    if isinstance(correlation, dict):
        _within("answers_later", validate_place, correlation, "correlation")
    elif not isinstance(correlation, str) or not templates.names_in(correlation) or templates.secrets_in(correlation):
        raise TargetError('answers_later: correlation: give what the answer will name, "{{run}}" or {"json": "$.id"}.')
    if "callback" in later:
        _within("answers_later", specs.secret_name, later["callback"], "callback")
        if correlation != "{{run}}":
            raise TargetError("answers_later: callback: {{callback}} names the run itself; leave correlation out.")
    if not FIELD.fullmatch(str(later.get("code", "ResultCode"))):
        raise TargetError("answers_later: code: give the name of the answer's field that says how it ended, for example status.")
    codes_of(later)
    late_s = _within("answers_later", specs.seconds, later, "late_s", LATE_S, LONGEST_S)
    lost_s = _within("answers_later", specs.seconds, later, "lost_s", LOST_S, LONGEST_S)
    if late_s >= lost_s:
        raise TargetError("answers_later: late_s is not below lost_s: an answer is late before it is lost.")
    return later


def codes_of(later: Mapping[str, Any]) -> dict[str, str]:
    """What each code of a later answer means; one that is in no list is a customer's, and the gateway works."""
    found: dict[str, str] = {}
    for key, kind in (("ok", "done"), ("failed", "fault"), ("ours", "setup")):
        codes = later.get(key, [])
        if not isinstance(codes, list) or len(codes) > CODES_AT_MOST or not all(isinstance(one, (str, int)) for one in codes):
            raise TargetError(f'answers_later: {key}: give a list of at most {CODES_AT_MOST} codes, for example ["FAILED"].')
        for code in map(str, codes):
            if found.setdefault(code, kind) != kind:
                raise TargetError(f"answers_later: the code {code[:20]!r} is in two lists; leave it in one.")
    return found
