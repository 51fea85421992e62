"""Deadline profiles as data: one TOML file a jurisdiction. What the keys mean: incidents/clocks.py."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from incidents.clocks import Profile, ProfileError, parse_profile

HERE = Path(__file__).parent


@cache
def load(folder: Path = HERE) -> dict[str, Profile]:
    """Every profile in the folder by its code. Raises ProfileError for a file that cannot be used."""
    found: dict[str, Profile] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            profile = parse_profile(tomllib.loads(path.read_text(encoding="utf-8")))
        except tomllib.TOMLDecodeError as error:
            raise ProfileError(f"{path.name}: {error}") from error
        if profile.code in found:
            raise ProfileError(f"{path.name}: the profile {profile.code} exists already")
        found[profile.code] = profile
    return found
