"""Addresses: their normal form, encrypted at rest, found again by a keyed hash."""

from __future__ import annotations

import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import EmailValidator

LONGEST = 254  # octets of an address in an SMTP path (RFC 5321)
_is_email = EmailValidator(allowlist=[])


class AddressError(ValueError):
    """What was typed is not an address we can write to. The message is for staff; pages say it in the reader's words."""


class AddressUnreadable(Exception):
    """An encrypted address that none of HALI_ADDRESS_KEYS opens: its key was taken out too early."""


def normalise(address: str) -> str:
    """The form an address is sent to: no surrounding space, the domain in lower-case ASCII. Raises AddressError."""
    local, _, domain = address.strip().rpartition("@")
    try:
        normal = f"{local}@{domain.lower().encode('idna').decode('ascii')}"
        _is_email(normal)
    except (UnicodeError, ValidationError) as error:
        raise AddressError("An email address is written in full, like name@example.com.") from error
    if len(normal) > LONGEST:
        raise AddressError(f"An email address has at most {LONGEST} characters.")
    return normal


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def hash_of(address: str) -> str:
    """64 hex digits that find an address again. Capitals make no other person, so the local part is lowered here as well."""
    return keyed_digest("address", normalise(address).lower()).hex()


def hash_on(channel: str, normal: str) -> str:
    """The same for any channel; `normal` is the normal form that the channel's transport makes."""
    return hash_of(normal) if channel == "email" else keyed_digest(f"address on {channel}", normal).hex()


def recipient_key(address_hash: str) -> str:
    """A short name of the recipient for Message-IDs: the same for each mail, and it leads back to no address."""
    return keyed_digest("recipient", address_hash).hex()[:16]


def keyed_digest(purpose: str, value: str) -> bytes:
    """HMAC-SHA256 under HALI_ADDRESS_HASH_KEY; digests of different purposes have nothing to do with each other."""
    return hmac.digest(hash_key(), f"{purpose}|{value}".encode(), "sha256")


def encrypt(address: str) -> str:
    return _fernet().encrypt(address.encode()).decode("ascii")


def rotate(encrypted: str) -> str:
    """The same under the first key, with the time of writing it had. Raises AddressUnreadable."""
    try:
        return _fernet().rotate(encrypted.encode("ascii")).decode("ascii")
    except InvalidToken as error:
        raise AddressUnreadable("None of HALI_ADDRESS_KEYS opens this address: put the key it was written with back.") from error


def decrypt(encrypted: str) -> str:
    """Raises AddressUnreadable."""
    try:
        return _fernet().decrypt(encrypted.encode("ascii")).decode()
    except InvalidToken as error:
        raise AddressUnreadable("None of HALI_ADDRESS_KEYS opens this address: put the key it was written with back.") from error


def hash_key() -> bytes:
    """The key of look-ups and of links in mails. Raises ImproperlyConfigured."""
    key = settings.ADDRESS_HASH_KEY  # asked for once: it is needed three times a mail
    if not key:
        raise ImproperlyConfigured(
            "HALI_ADDRESS_HASH_KEY is not set: give 50 or more random characters, and never change them: "
            "addresses are found and links in mails hold by them."
        )
    return str(key).encode()


def _fernet() -> MultiFernet:
    return fernet_of(tuple(settings.ADDRESS_KEYS))


@lru_cache(maxsize=4)
def fernet_of(keys: tuple[str, ...]) -> MultiFernet:
    """Raises ImproperlyConfigured for no keys, or for one that is none."""
    if not keys:
        raise ImproperlyConfigured(
            "HALI_ADDRESS_KEYS is not set: give a Fernet key (32 random bytes in URL-safe base64), or several with commas; "
            "the first encrypts, all decrypt."
        )
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "HALI_ADDRESS_KEYS: each key is 32 random bytes in URL-safe base64 (44 characters)."
        ) from error
