"""Objects in storage that speaks S3: PUT and GET, signed by libcurl itself (SigV4), over one kept connection."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

PATIENCE_MS, CONNECT_MS = 20_000, 3_000


class StorageError(OSError):
    """The storage did not take or give an object. Its words hold no key."""


@dataclass(frozen=True)
class Target:
    """A bucket, and what every name in it begins with."""

    bucket: str
    prefix: str
    endpoint: str
    region: str


def parse(address: str) -> Target:
    """s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-west-1. Raises ValueError in a line."""
    parts = urlsplit(address)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme != "s3" or not parts.netloc or set(asked) - {"endpoint", "region"}:
        raise ValueError("give s3://bucket/folder?endpoint=https://s3.example.org&region=eu-west-1")
    region = asked.get("region", "us-east-1")
    endpoint = asked.get("endpoint", f"https://s3.{region}.amazonaws.com").rstrip("/")
    if not endpoint.startswith(("https://", "http://127.0.0.1:")):
        raise ValueError("the endpoint must begin with https://")
    prefix = parts.path.strip("/")
    return Target(parts.netloc, f"{prefix}/" if prefix else "", endpoint, region)


class Bucket:
    """For one thread. `key`: the key's id and its secret, with a colon between."""

    def __init__(self, target: Target, key: str) -> None:
        import pycurl  # only who pushes pays for it

        self._curl, self._library, self.target, self._key = pycurl.Curl(), pycurl, target, key

    def put(self, name: str, content: bytes, headers: list[tuple[str, str]]) -> None:
        status, _ = self._ask("PUT", name, content, headers)
        if status != 200:
            raise StorageError(f"the storage answered {status} to {name}")

    def get(self, name: str) -> bytes | None:
        """None when there is no such object."""
        status, content = self._ask("GET", name, None, [])
        if status not in (200, 404):
            raise StorageError(f"the storage answered {status} to {name}")
        return content if status == 200 else None

    def close(self) -> None:
        self._curl.close()

    def _ask(self, method: str, name: str, content: bytes | None, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
        curl, library, answer = self._curl, self._library, BytesIO()
        curl.reset()
        options: dict[Any, Any] = {
            library.URL: f"{self.target.endpoint}/{self.target.bucket}/{quote(self.target.prefix + name)}",
            library.CUSTOMREQUEST: method,
            library.AWS_SIGV4: f"aws:amz:{self.target.region}:s3",
            library.USERPWD: self._key,
            library.HTTPHEADER: ["Expect:", *(f"{field}: {value}" for field, value in headers)],
            library.WRITEDATA: answer,
            library.CONNECTTIMEOUT_MS: CONNECT_MS,
            library.TIMEOUT_MS: PATIENCE_MS,
            library.NOSIGNAL: 1,
        }
        if content is not None:
            options[library.POSTFIELDS] = content
        for option, value in options.items():
            curl.setopt(option, value)
        try:
            curl.perform()
        except library.error as error:
            raise StorageError(f"the storage does not answer ({error.args[1]})") from error
        return int(curl.getinfo(library.RESPONSE_CODE)), answer.getvalue()
