"""System checks of what a deployment chose about rules and clocks, each with a hint: nothing is switched off silently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks

from incidents import clocks, profiles
from incidents.clocks import DEPLOYMENT_FLAGS
from incidents.policy import WITHOUT


@checks.register("choices")
def check_deadlines(*, app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """An error for a profile or a condition that is none."""
    found: list[checks.CheckMessage] = []
    try:
        clocks.chosen(profiles.load(), settings.DEADLINE_PROFILES)
    except clocks.ProfileError as error:
        found.append(checks.Error(f"HALI_DEADLINES: {error}", hint="Name profiles of incidents/profiles/.", id="statuspage.E001"))
    if unknown := sorted(set(settings.DEADLINE_CONDITIONS) - set(DEPLOYMENT_FLAGS)):
        hint = f"Give any of {', '.join(DEPLOYMENT_FLAGS)}."
        found.append(checks.Error(f"HALI_DEADLINES_AS: there is no {', '.join(unknown)}.", hint=hint, id="statuspage.E002"))
    return found


@checks.register("choices")
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
