"""Reading settings: from the environment, from `$HALI_DATA_DIR/env`, and, for what nobody should see, from files.

Where `NAME_FILE` names a file, that file holds the value of NAME: so orchestrators hand over secrets. An empty value is none, in
each layer, so the next one holds; an empty file is a mistake. An impossible value is one line that says what to change, and never
holds the value of a secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

BASE_DIR = Path(__file__).resolve().parent.parent


class UnreadableFile(ImproperlyConfigured):
    """The file that should hold a value cannot be read. Its words hold no value."""


class _FilesFirst(FileAwareMapping):  # type: ignore[misc]
    """What stands in NAME_FILE, without the line's end that editors add. Nothing is as good as not there."""

    def __getitem__(self, key: str) -> str:
        try:
            value = str(super().__getitem__(key)).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise UnreadableFile(f"{key}_FILE={self.env.get(f'{key}_FILE')!r} cannot be read: {reason}.") from None
        if not value and (named := self.env.get(f"{key}_FILE")):
            raise UnreadableFile(f"{key}_FILE={named!r} is empty: write the value into it, or leave {key}_FILE out.")
        if not value:
            raise KeyError(key)
        return value.replace("$", r"\$")  # else a secret that begins with one is taken for the name of another setting


class _Env(environ.FileAwareEnv):  # type: ignore[misc]
    ENVIRON = _FilesFirst(cache=False)

    def __init__(self) -> None:
        super().__init__()
        self.escape_proxy = True


env: Any = _Env()
DATA_DIR = Path(env.str("HALI_DATA_DIR", default=str(BASE_DIR / "var"))).absolute()
_own_file = DATA_DIR / "env"
if _own_file.is_file():
    _Env.read_env(str(_own_file), overwrite=False)


def integer(name: str, default: int, low: int, high: int) -> int:
    """A whole number from the environment, or one line that says what to change."""
    raw = env.str(name, default=str(default)).strip()
    if not raw.isdigit() or not low <= int(raw) <= high:
        raise ImproperlyConfigured(f"{name}={raw!r}: give a whole number from {low} to {high}.")
    return int(raw)


def boolean(name: str, default: bool) -> bool:
    raw = env.str(name, default="true" if default else "false").strip().lower()
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"", "0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r}: give true or false.")


def one_of(name: str, default: str, allowed: frozenset[str], hint: str) -> str:
    raw: str = env.str(name, default=default).strip()
    if raw not in allowed:
        raise ImproperlyConfigured(f"{name}={raw!r} is not known: {hint}")
    return raw
