"""Set-up that tests of several rooms share."""

from __future__ import annotations

from typing import Any

from incidents import statements, stating
from incidents.languages import in_all
from incidents.models import Notice
from incidents.signing import sign_notice
from tests.factories import NOON, NoticeFactory, UserFactory

SW = "Huduma ya {component}"


def signed_notice(code: str = "down", **fields: Any) -> Notice:
    """A notice signed in calm time."""
    return sign_notice(notice=NoticeFactory(code=code, body=_body(code), **fields), signer=UserFactory(), now=NOON)


def _body(code: str) -> Any:
    promise_en = "" if code == "resolved" else " Next update by {next}."
    promise_sw = "" if code == "resolved" else " Taarifa ijayo kufikia {next}."
    return in_all(
        {
            "en": f"{{component}}: {code} since {{since}}. Do not pay again.{promise_en}",
            "sw": f"{SW}: {code} tangu {{since}}. Usilipe tena.{promise_sw}",
        }
    )


def safety_notices() -> list[Notice]:
    """Level 0 and the advice on money, signed in calm time."""
    made = []
    for level, code in stating.NOTICES.items():
        words = in_all(statements.WORDS[level])
        fields = {"phase": "", "component_status": "", "opens_for": [], "cadence_minutes": 0, "body": words}
        made.append(sign_notice(notice=NoticeFactory(code=code, title=words, **fields), signer=UserFactory(), now=NOON))
    return made


def all_notices() -> dict[str, Notice]:
    """delayed, down, no-change, watching, resolved: as a fresh copy has them."""
    return {
        "delayed": signed_notice(
            "delayed", component_status="delayed", opens_for=["delayed", "degraded_performance"], cadence_minutes=60
        ),
        "down": signed_notice("down", cadence_minutes=20),
        "no-change": signed_notice("no-change", phase="", component_status="", opens_for=[], cadence_minutes=30),
        "watching": signed_notice(
            "watching", phase="monitoring", component_status="operational", opens_for=[], cadence_minutes=60
        ),
        "resolved": signed_notice("resolved", phase="resolved", component_status="operational", opens_for=[], cadence_minutes=0),
    }
