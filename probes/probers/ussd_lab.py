"""The kind `ussd_lab`: a heartbeat of a handset lab that dials a code, walks its menu and waits for the SMS.

No server of ours can dial; a handset or a modem with a SIM of ours can. It says how far it came and how long that took.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.outcome import Outcome, OutcomeStatus
from probes.probers import heartbeat, specs
from probes.probers.passive import BodyError, flag, microseconds, only_keys, seconds
from probes.probers.specs import Spec

KEYS = (*heartbeat.KEYS, "degraded_menu_s")
BODY_KEYS = ("ok", "stage", "menu_s", "lag_s")
STAGES = ("network", "dial", "menu", "pin", "confirm", "sms")  # where a walk may end
DELAYED_LAG_S, DOWN_LAG_S = 60.0, 600.0  # of the confirming SMS
DEGRADED_MENU_S = 8.0  # a menu slower than that is given up by people


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    heartbeat.validate_keys(spec, KEYS, delayed_lag_s=DELAYED_LAG_S, down_lag_s=DOWN_LAG_S)
    specs.seconds(spec, "degraded_menu_s", DEGRADED_MENU_S, 180)


def judge(spec: Spec, body: Mapping[str, Any]) -> Outcome:
    """The outcome of one walk. A handset without a network says nothing of the service. Raises BodyError."""
    only_keys(body, BODY_KEYS)
    is_ok, lag, menu = flag(body, "ok", required=True), seconds(body, "lag_s"), seconds(body, "menu_s")
    stage = body.get("stage", "")
    if stage and stage not in STAGES:
        raise BodyError(f"stage: give one of {', '.join(STAGES)}.")
    if not is_ok and not stage:
        raise BodyError(f"stage: say where it ended, one of {', '.join(STAGES)}.")
    if not is_ok and stage == "network":
        return Outcome(OutcomeStatus.SKIPPED, "no_connectivity", "the handset has no network")
    if not is_ok:
        return Outcome(OutcomeStatus.DOWN, "assertion", f"the walk ended at: {stage}", total_us=microseconds(menu))
    outcome = heartbeat.judge_lag(spec, lag, delayed_lag_s=DELAYED_LAG_S, down_lag_s=DOWN_LAG_S, what="walked to the end")
    limit = specs.seconds(spec, "degraded_menu_s", DEGRADED_MENU_S, 180)
    if outcome.status is OutcomeStatus.OK and menu is not None and menu > limit:
        words = f"the menu took {menu:g} s, limit {limit:g} s"
        return Outcome(OutcomeStatus.DEGRADED, "", words, total_us=microseconds(menu))
    return outcome
