#!/usr/bin/env python3
"""Speak to the write API of a Hali page from scripts. One file without dependencies: copy it anywhere with Python 3.11.

    export HALI_URL=https://status.example.com HALI_TOKEN=hali_…
    hali.py say delayed stk-push                    # a notice that was signed in calm time: public at once
    hali.py open payouts delayed --name en="Payouts are late" sw="Malipo yanachelewa" --body en="Wait." sw="Subiri." --next 30
    hali.py update <incident> --status identified --body en="…" sw="…" --state payouts=delayed --next 30
    hali.py ask <update>                            # for the signature of a person
    hali.py publish <update>
    hali.py resolve payouts
    hali.py maintenance payouts --name en="…" --body en="…" --from 2026-12-01T01:00+03:00 --to 2026-12-01T03:00+03:00
    hali.py heartbeat nightly-books --lag 4.2

It ends with 0 when it was done, 1 when the page refused, 2 for a wrong command, 3 when the page could not be asked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

TRIES, TIMEOUT, PAUSE = 4, 30.0, 2.0
STILL_AT_WORK = "urn:hali:problem:in_progress"  # our first try of it: its answer comes
REFUSED, WRONG, AWAY = 1, 2, 3


class Ended(Exception):
    """What to say in one line, and how to end."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        method, path, body = options.act(options)
        answer = ask(method, path, body, key=options.key or str(uuid.uuid4()))
    except Ended as end:
        print(f"hali: {end}", file=sys.stderr)
        return end.code
    print(json.dumps(answer, ensure_ascii=False, indent=2) if options.json else told(answer))
    return 0


def ask(method: str, path: str, body: Any, *, key: str) -> Any:
    """The answer as JSON. A repeat carries the same key, so nothing is done twice. Raises Ended."""
    base, token = (os.environ.get("HALI_URL") or "http://127.0.0.1:8000").rstrip("/"), os.environ.get("HALI_TOKEN", "")
    if not token:
        raise Ended(WRONG, "HALI_TOKEN is not set: a page admin makes a token at the desk.")
    if not base.startswith(("http://", "https://")):
        raise Ended(WRONG, "HALI_URL: give the page's address with https://.")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    data = None if body is None else json.dumps(body).encode()
    for left in reversed(range(TRIES)):
        request = urllib.request.Request(f"{base}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            kind, words = _refusal(error)
            if not left or not (error.code in (429, 502, 503, 504) or kind == STILL_AT_WORK):
                raise Ended(REFUSED, words) from None
        except (OSError, ValueError) as error:
            if not left:
                raise Ended(AWAY, f"{base} did not answer ({getattr(error, 'reason', error)}).") from None
        time.sleep(PAUSE)
    raise AssertionError("unreachable")


def _refusal(error: urllib.error.HTTPError) -> tuple[str, str]:
    """(its type, its one line)."""
    try:
        problem = json.loads(error.read())
        return str(problem["type"]), " ".join(str(problem["detail"]).split())
    except (OSError, ValueError, KeyError, TypeError):
        return "", f"The page answered {error.code}."


def told(answer: Any) -> str:
    """One line: the id that the next command needs, and how it stands."""
    if "items" in answer:
        return "\n".join(told(item) for item in answer["items"]) or "none"
    words = [answer.get("id", "")]
    words += [str(answer[name]) for name in ("publication", "status", "phase", "signature", "taken") if answer.get(name)]
    drafted = [one for one in answer.get("updates", []) if one.get("publication") == "draft"]
    return " ".join([*words, *(f"draft {one['id']}" for one in drafted)])


# --- Commands ----------------------------------------------------------------------------------

Act = tuple[str, str, Any]


def _open(options: argparse.Namespace) -> Act:
    affected = [{"component": options.service, "status": options.state}, *_states(options.also)]
    return "POST", "/incidents", {"affected": affected, **_words(options, "name", "body"), **_next(options)}


def _update(options: argparse.Namespace) -> Act:
    fields = {"affected": _states(options.state), **_words(options, "body"), **_next(options)}
    if options.status:
        fields["status"] = options.status
    return "POST", f"/incidents/{_part(options.incident)}/updates", fields


def _say(options: argparse.Namespace) -> Act:
    return "POST", f"/notices/{_part(options.notice)}/publish", {"component": options.service, "reason": options.reason}


def _resolve(options: argparse.Namespace) -> Act:
    return "POST", f"/notices/{_part(options.notice)}/publish", {"component": options.service, "reason": options.reason}


def _ask(options: argparse.Namespace) -> Act:
    return "POST", f"/updates/{_part(options.update)}/signature-request", None


def _publish(options: argparse.Namespace) -> Act:
    kind = "maintenance-updates" if options.maintenance else "updates"
    return "POST", f"/{kind}/{_part(options.update)}/publish", {"reason": options.reason}


def _maintenance(options: argparse.Namespace) -> Act:
    named = (one.partition("=") for one in options.services)
    expected = [{"component": service, "status": state or "partial_outage"} for service, _, state in named]
    times = {"starts_at": options.starts, "ends_at": options.ends}
    return "POST", "/maintenance", {"expected": expected, **times, **_words(options, "name", "body")}


def _heartbeat(options: argparse.Namespace) -> Act:
    lag = {} if options.lag is None else {"lag_s": options.lag}
    return "POST", f"/heartbeats/{_part(options.probe)}", {"ok": not options.failed, **lag}


def _show(options: argparse.Namespace) -> Act:
    return "GET", f"/incidents/{_part(options.incident)}" if options.incident else "/incidents", None


def _part(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _words(options: argparse.Namespace, *names: str) -> dict[str, dict[str, str]]:
    """{field: {language: text}} of --name en=… sw=…"""
    return {name: _pairs(getattr(options, name), f"--{name}") for name in names if getattr(options, name)}


def _states(given: list[str]) -> list[dict[str, str]]:
    return [{"component": service, "status": state} for service, state in _pairs(given, "a state").items()]


def _pairs(given: list[str], what: str) -> dict[str, str]:
    found = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise Ended(WRONG, f"{what}: write {one!r} as name=value, for example en=… or stk-push=delayed.")
        found[name] = value
    return found


def _next(options: argparse.Namespace) -> dict[str, str]:
    if options.next is None:
        return {}
    return {"next_update_by": (datetime.now(UTC) + timedelta(minutes=options.next)).isoformat(timespec="seconds")}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hali", description="Write to a Hali page. HALI_URL and HALI_TOKEN say where and as whom."
    )
    parser.add_argument("--json", action="store_true", help="print the whole answer")
    parser.add_argument("--key", default="", help="an idempotency key of your own, so that a later run does nothing twice")
    acts = parser.add_subparsers(required=True, metavar="command")

    def act(name: str, function: Any, told: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = acts.add_parser(name, help=told)
        made.set_defaults(act=function)
        return made

    def words(made: argparse.ArgumentParser, *names: str) -> None:
        for name in names:
            made.add_argument(f"--{name}", nargs="+", default=[], metavar="en=…", help="a text a language")

    one = act("say", _say, "publish a pre-signed notice about a service")
    one.add_argument("notice")
    one.add_argument("service")
    one.add_argument("--reason", default="", help="why the probes are wrong, where they disagree")
    one = act("open", _open, "draft an incident; without words in those of the fitting notice")
    one.add_argument("service")
    one.add_argument("state", help="delayed, degraded_performance, partial_outage, major_outage")
    one.add_argument("--also", nargs="+", default=[], metavar="service=state")
    one.add_argument("--next", type=int, metavar="MINUTES", help="the next word is promised by then")
    words(one, "name", "body")
    one = act("update", _update, "draft an incident's next update")
    one.add_argument("incident")
    one.add_argument("--status", default="", help="investigating, identified, monitoring, resolved")
    one.add_argument("--state", nargs="+", default=[], metavar="service=state")
    one.add_argument("--next", type=int, metavar="MINUTES")
    words(one, "body")
    one = act("ask", _ask, "ask for a person's signature on a draft")
    one.add_argument("update")
    one = act("publish", _publish, "publish what a person signed")
    one.add_argument("update")
    one.add_argument("--maintenance", action="store_true", help="it is a word about planned work")
    one.add_argument("--reason", default="")
    one = act("resolve", _resolve, "say that a service works again, in the words of the signed notice")
    one.add_argument("service")
    one.add_argument("--notice", default="resolved")
    one.add_argument("--reason", default="")
    one = act("maintenance", _maintenance, "draft the announcement of planned work")
    one.add_argument("services", nargs="+", metavar="service[=state]", help="with the worst it may show")
    one.add_argument("--from", dest="starts", required=True, metavar="TIME", help="with its zone: 2026-12-01T01:00+03:00")
    one.add_argument("--to", dest="ends", required=True, metavar="TIME")
    words(one, "name", "body")
    one = act("heartbeat", _heartbeat, "tell that something ran")
    one.add_argument("probe")
    one.add_argument("--lag", type=float, metavar="SECONDS", help="how late what it watches is")
    one.add_argument("--failed", action="store_true")
    one = act("show", _show, "open incidents, or one with its updates")
    one.add_argument("incident", nargs="?")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
