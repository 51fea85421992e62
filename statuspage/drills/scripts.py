"""Pure: what each rehearsal watches, what must be seen in it, and how fast it is played unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probes.sandbox import demo

# Probes beside those of the demo: the service each watches, and its recipe. Their intervals are short, as a rehearsal is.
PROBES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "paybill-pays": ("paybill", {"recipe": "c2b-sim", "shortcode": demo.SHORTCODE, "late_s": 5, "lost_s": 20}),
    "electricity-pays": ("electricity", {"recipe": "c2b-sim", "shortcode": demo.ELECTRICITY, "late_s": 5, "lost_s": 20}),
}
INTERVAL = 6  # seconds


@dataclass(frozen=True)
class Script:
    """One rehearsal. `troubled`: services whose trouble must be confirmed; `untouched`: those that must stay out of it.
    `speed`: times faster than it happened. `announced`: hours of the story between which work is announced. `two_vantages`: a
    second agent asks from the address that the firewall blocks."""

    speed: float
    troubled: tuple[str, ...]
    untouched: tuple[str, ...] = ()
    announced: tuple[float, float] | None = None
    two_vantages: bool = False


# Fast enough to be sat through, slow enough for probes that ask every few seconds to see each turn of the story.
SCRIPTS: Mapping[str, Script] = {
    "jan9": Script(200, ("payouts", "stk-push")),
    "jan22-paybill": Script(300, ("paybill",), ("stk-push",)),  # electricity is paid through PayBill: it falls with it
    "dec2018": Script(100, ("stk-push", "payouts")),
    "maintenance-overrun": Script(200, ("stk-push", "paybill"), announced=(0, 3)),
    "sms-lag": Script(15, ("paybill",), ("stk-push",)),
    "waf-block": Script(80, (), ("stk-push", "payouts", "paybill"), two_vantages=True),
    "status-flood": Script(120, ("payouts",), ("paybill",)),
    "biller-down": Script(45, ("electricity",), ("paybill", "stk-push")),
}
