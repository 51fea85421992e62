"""`$HALI_DATA_DIR/env`: the secrets of a copy, made once, and where its parts are. settings.py reads it below the environment."""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

_WRITTEN_BY = "# Written by `make run`. The environment wins over it."
_TOLD = "# From the environment of this start, forgotten at the next:"


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "HALI_ADDRESS_KEYS": _fernet_key,
    "HALI_ADDRESS_HASH_KEY": lambda: secrets.token_urlsafe(32),
    "HALI_DEMO_PASSWORD": lambda: secrets.token_hex(8),
    "HALI_CALLBACK_TOKEN": lambda: secrets.token_hex(16),
    "HALI_SMS_CALLBACK_TOKEN": lambda: secrets.token_hex(16),
    "HALI_PUSH_KEY": lambda: secrets.token_urlsafe(32),  # any 32 octets are a private key of P-256, but for one in 2^32
}


def write(path: Path, values: Mapping[str, str], *, told: Mapping[str, str]) -> dict[str, str]:
    """Write it anew, for its owner only: the secrets it has or new ones, `values`, and over them what the environment `told`.

    What was told at the last start is forgotten; lines that a person added stay. Answers every value that is now in it.
    """
    before = path.read_text() if path.is_file() else ""
    kept = _parse(before)
    ours = {name: kept.get(name) or make() for name, make in SECRETS.items()} | dict(values) | dict(told)
    replaced = {*ours, *_told_before(before)}
    persons = [line for line in before.splitlines() if not line.startswith((_WRITTEN_BY, _TOLD)) and _name(line) not in replaced]
    lines = [_WRITTEN_BY, *([f"{_TOLD} {' '.join(told)}"] if told else []), *(f"{name}={ours[name]}" for name in ours), *persons]
    temporary = path.with_name("env.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.writelines(f"{line}\n" for line in lines)
    os.replace(temporary, path)
    return _parse("\n".join(lines))


def read(path: Path) -> dict[str, str]:
    """Its values by name; none when there is no such file."""
    return _parse(path.read_text()) if path.is_file() else {}


def _parse(text: str) -> dict[str, str]:
    """Name and value of each line, as django-environ reads them."""
    found = re.findall(r"""^(?:export )?([A-Za-z_0-9]+)=(['"]?)(.*)\2$""", text, re.MULTILINE)
    return {name: value for name, _, value in found}


def _name(line: str) -> str:
    return next(iter(_parse(line)), "")


def _told_before(text: str) -> list[str]:
    found = re.search(rf"^{re.escape(_TOLD)}(.*)$", text, re.MULTILINE)
    return found[1].split() if found else []
