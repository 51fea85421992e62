"""Keeps what opens something out of logs and messages: passwords in addresses of servers, tokens in addresses of pages
and of the API."""

from __future__ import annotations

import logging
import re

from incidents import tracing

_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")
# Whoever has the token can read, change or end a subscription.
_TOKEN_PATH = re.compile(r"(/(?:confirm|u|manage|callbacks|phone)/)[^/\s?'\"]+")
_API_TOKEN = re.compile(r"(hali_[0-9a-z]{12})_[A-Za-z0-9_-]{20,}")


def without_password(url: str) -> str:
    """The address of a server without user and password: smtp://mail.example:587."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else "(not an address)"


def without_secrets(text: str) -> str:
    """Addresses with their user, password and token cut: /manage/…; of the API's tokens only the part that finds them stays."""
    return _API_TOKEN.sub(r"\1_…", _TOKEN_PATH.sub(r"\1…", _USER_INFO.sub("", text)))


class LineFormatter(logging.Formatter):
    """Cuts secrets out of every line, tracebacks included, whoever writes it. Its origin, where it has one, stands at its end."""

    def format(self, record: logging.LogRecord) -> str:
        text = without_secrets(super().format(record))
        return f"{text} [{tracing.origin()}]" if tracing.origin() else text
