"""System checks of what a deployment chose about the rules, each with a hint: nothing is switched off silently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks

from incidents.policy import WITHOUT


@checks.register
def check_gates(*, app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """A warning for each gate that is switched off."""
    return [
        checks.Warning(
            f"HALI_GATES_OFF switches off the gate {gate}: {WITHOUT[gate]}.",
            hint=f"Take {gate} out of HALI_GATES_OFF. Whatever passes where it would have blocked says so in the record.",
            id="statuspage.W001",
        )
        for gate in sorted(settings.GATES_OFF)
    ]
