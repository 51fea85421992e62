"""Addresses: normal form, encryption, look-up hash, and what is said when a key is missing."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from subscribers import addresses, checks
from subscribers.addresses import AddressError, AddressUnreadable


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("  Asha@Customer.EXAMPLE ", "Asha@customer.example"),
        ("asha+status@customer.example", "asha+status@customer.example"),
        ("asha@bücher.example", "asha@xn--bcher-kva.example"),
    ],
)
def test_an_address_has_one_normal_form(typed: str, normal: str) -> None:
    assert addresses.normalise(typed) == normal


@pytest.mark.parametrize(
    "typed",
    ["", "asha", "asha@", "@customer.example", "asha@localhost", "a b@customer.example", "asha@a..b", "x" * 250 + "@a.example"],
)
def test_what_is_no_address_is_refused_in_words(typed: str) -> None:
    with pytest.raises(AddressError, match="email address"):
        addresses.normalise(typed)


def test_a_header_cannot_be_smuggled_in() -> None:
    with pytest.raises(AddressError):
        addresses.normalise("asha@customer.example\r\nBcc: all@customer.example")


def test_capitals_make_no_other_person() -> None:
    assert addresses.hash_of("Asha@Customer.example") == addresses.hash_of("asha@customer.example ")
    assert addresses.hash_of("asha@customer.example") != addresses.hash_of("brian@customer.example")


def test_the_first_key_encrypts_and_all_decrypt(settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ADDRESS_KEYS = [old]
    written = addresses.encrypt("asha@customer.example")
    assert "asha" not in written
    settings.ADDRESS_KEYS = [new, old]
    assert addresses.decrypt(written) == "asha@customer.example"
    settings.ADDRESS_KEYS = [new]
    with pytest.raises(AddressUnreadable, match="HALI_ADDRESS_KEYS"):
        addresses.decrypt(written)


def test_another_hash_key_finds_nothing(settings: Any) -> None:
    before = addresses.hash_of("asha@customer.example")
    settings.ADDRESS_HASH_KEY = "another key"
    assert addresses.hash_of("asha@customer.example") != before


def test_missing_keys_are_named_when_first_needed(settings: Any) -> None:
    settings.ADDRESS_KEYS, settings.ADDRESS_HASH_KEY = [], ""
    with pytest.raises(ImproperlyConfigured, match="HALI_ADDRESS_KEYS"):
        addresses.encrypt("asha@customer.example")
    with pytest.raises(ImproperlyConfigured, match="HALI_ADDRESS_HASH_KEY"):
        addresses.hash_of("asha@customer.example")


def test_system_checks_tell_what_is_missing_or_wrong(settings: Any) -> None:
    settings.HALI_AGENT = ""
    settings.MAIL_FROM = "status@mfanopesa.example"
    assert checks.check_addresses() == []
    settings.ADDRESS_KEYS, settings.ADDRESS_HASH_KEY, settings.MAIL_FROM = [], "", ""
    assert [found.id for found in checks.check_addresses()] == ["subscribers.W001", "subscribers.W002", "subscribers.W003"]
    assert all(found.hint for found in checks.check_addresses())
    settings.ADDRESS_KEYS = ["not a key"]
    assert checks.check_addresses()[0].id == "subscribers.E001"


def test_an_agent_is_asked_for_no_keys(settings: Any) -> None:
    settings.HALI_AGENT, settings.ADDRESS_KEYS, settings.ADDRESS_HASH_KEY = "nairobi", [], ""
    assert checks.check_addresses() == []
