"""The WSGI application: payment endpoints under faults, and the control address under /_sim."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from probes.sandbox import answers
from probes.sandbox.answers import Answer
from probes.sandbox.asking import Desk, Refused, Request
from probes.sandbox.callbacks import CallbackWorker
from probes.sandbox.endpoints import APIS, ENDPOINTS
from probes.sandbox.faults import FaultBook
from probes.sandbox.ledger import Ledger
from probes.sandbox.modes import MODES, ControlError, Fate
from probes.sandbox.scenarios import SCENARIOS, faults_of, read_speed

LOG_KEPT = 1000
REASONS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class ConnectionDropped(Exception):
    """The connection ends here without an answer: the server resets it."""


class Broken(ConnectionDropped):
    """The connection ends in the middle of this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("broken off")
        self.answer = answer


class Gateway:
    """One sandbox. The same `seed` and the same requests at the same `clock` give the same answers, byte for byte.

    With `by_hand` callbacks wait for `callbacks.post_due()`; `pause` takes the seconds of latencies and hangs: both for a clock
    that a test moves.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        answer_after: float = 2.0,
        by_hand: bool = False,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        self.clock = clock
        self.faults = FaultBook(seed=seed, clock=clock, pause=pause)
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_KEPT)
        self._ledger = Ledger(seed=seed, clock=clock)
        self.callbacks = CallbackWorker(self._note_callback, clock=clock, by_hand=by_hand)
        self._desk = Desk(self._ledger, self.callbacks, self._note_callback, answer_after)
        self._lock = threading.Lock()
        self._control: Mapping[tuple[str, str], Callable[[dict[str, Any]], Answer]] = {
            ("GET", "/_sim"): self._describe,
            ("GET", "/_sim/faults"): self._list_faults,
            ("POST", "/_sim/faults"): self._add_fault,
            ("DELETE", "/_sim/faults"): self._clear_faults,
            ("GET", "/_sim/scenario"): self._list_scenarios,
            **{("POST", f"/_sim/scenario/{name}"): self._scenario_starter(name) for name in SCENARIOS},
            ("GET", "/_sim/log"): self._show_log,
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        answer = self._steer(environ) if path == "/_sim" or path.startswith("/_sim/") else self._serve(environ)
        start_response(
            REASONS[answer.status],
            [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))],
        )
        return [answer.body]

    # --- payment endpoints -------------------------------------------------------------------

    def _serve(self, environ: dict[str, Any]) -> Answer:
        came_at, began = self.clock(), time.monotonic()
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = _body(environ)
        fate = self.faults.fate(path, client=environ.get("REMOTE_ADDR", ""), body=body)
        status: int | None = None
        try:
            answer = self._answer(method, path, environ, body, fate)
            status = answer.status
            if fate.cut:
                raise Broken(answer)
            return answer
        finally:
            self._note(came_at, method, path, fate, status, round((time.monotonic() - began) * 1000, 1))

    def _answer(self, method: str, path: str, environ: dict[str, Any], body: bytes, fate: Fate) -> Answer:
        self.faults.wait(fate.wait_s)
        if fate.drop:
            raise ConnectionDropped
        if fate.answer is not None:
            return fate.answer
        try:
            if path not in ENDPOINTS:
                raise Refused(answers.NO_SUCH_CALL if path.startswith(APIS) else answers.NOT_FOUND)
            wanted, endpoint = ENDPOINTS[path]
            if method != wanted:
                raise Refused(answers.METHOD_NOT_ALLOWED)
            request = Request(environ.get("QUERY_STRING", ""), environ.get("HTTP_AUTHORIZATION", ""), body, fate)
            return endpoint(self._desk, request)
        except Refused as refusal:
            with self._lock:
                return answers.envelope(refusal.fault, self._ledger.rng)

    # --- the log: no query, no header, no body, and no path that is not ours --------------------

    def _note(self, came_at: float, method: str, path: str, fate: Fate, status: int | None, took_ms: float) -> None:
        self._log.append(
            {
                "time": _stamp(came_at),
                "method": method if method in {"GET", "POST"} else "other",
                "path": path if path in ENDPOINTS else "(no such endpoint)",
                "modes": fate.modes,
                "status": status,
                "ms": took_ms,
            }
        )

    def _note_callback(self, what: str, status: int | None) -> None:
        self._log.append({"time": _stamp(self.clock()), "callback": what, "status": status})

    # --- control -----------------------------------------------------------------------------

    def _steer(self, environ: dict[str, Any]) -> Answer:
        path = environ["PATH_INFO"].rstrip("/")
        act = self._control.get((environ["REQUEST_METHOD"], path))
        if act is None:
            known = ", ".join(f"{method} {where}" for method, where in self._control)
            is_ours = any(path == where for _, where in self._control)
            return answers.as_json({"error": f"Use one of: {known}."}, 405 if is_ours else 404)
        try:
            return act(environ)
        except ControlError as error:
            return answers.as_json({"error": str(error)}, 400)

    def _describe(self, environ: dict[str, Any]) -> Answer:
        return answers.as_json(
            {
                "endpoints": [f"{method} {path}" for path, (method, _) in ENDPOINTS.items()],
                "control": [f"{method} {path}" for method, path in self._control],
                "modes": {
                    name: {"does": mode.says, "options": {key: option.default for key, option in mode.options.items()}}
                    for name, mode in MODES.items()
                },
                "scenarios": {name: scenario.tells for name, scenario in SCENARIOS.items()},
            }
        )

    def _list_faults(self, environ: dict[str, Any]) -> Answer:
        return answers.as_json({"faults": self.faults.as_json()})

    def _add_fault(self, environ: dict[str, Any]) -> Answer:
        return answers.as_json(self.faults.add(_control_body(environ)), 201)

    def _clear_faults(self, environ: dict[str, Any]) -> Answer:
        """The scenario that runs ends with them; callbacks that are on their way still come."""
        return answers.as_json({"removed": self.faults.clear()})

    def _list_scenarios(self, environ: dict[str, Any]) -> Answer:
        told = {
            name: {"begins": scenario.begins, "lasts_s": scenario.lasts_s, "tells": scenario.tells}
            for name, scenario in SCENARIOS.items()
        }
        return answers.as_json({"scenarios": told})

    def _scenario_starter(self, name: str) -> Callable[[dict[str, Any]], Answer]:
        def start(environ: dict[str, Any]) -> Answer:
            speed = read_speed(_control_body(environ) if int(environ.get("CONTENT_LENGTH") or 0) else {})
            scenario = SCENARIOS[name]
            self.faults.clear()
            faults = self.faults.add_all(faults_of(scenario, speed))
            told = {"scenario": name, "begins": scenario.begins, "speed": speed, "lasts_s": scenario.lasts_s / speed}
            return answers.as_json({**told, "faults": faults}, 201)

        return start

    def _show_log(self, environ: dict[str, Any]) -> Answer:
        last = parse_qs(environ.get("QUERY_STRING", "")).get("last", ["100"])[0]
        if not last.isdecimal() or not 1 <= int(last) <= LOG_KEPT:
            raise ControlError(f"last: give a whole number from 1 to {LOG_KEPT}.")
        return answers.as_json({"log": list(self._log)[-int(last) :]})


def _control_body(environ: dict[str, Any]) -> Any:
    try:
        return json.loads(_body(environ))
    except (ValueError, RecursionError):
        raise ControlError('The body is not JSON: send {"path": "/mpesa/stkpush*", "mode": "busy"}.') from None


def _body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _stamp(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
