# SPDX-License-Identifier: Apache-2.0
"""How identifiers of citizens are kept: sealed at rest, found by a keyed digest, named by a pairwise handle.

Whoever holds the database but not the key files can neither read an identifier, nor test a guess at one, nor
tell that two organisations' handles are one person. The stored forms may gain a `version`; version 1 stays.
"""

from __future__ import annotations

import base64
import hmac
import os
import unicodedata
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.keyring import Keyring
from gateway.model import Identifier

VERSION = 1
"""Of the sealing of new rows."""

_NONCE = 12  # bytes; NIST SP 800-38D §8.2.2 random nonce: one key may seal 2^32 values


@dataclass(frozen=True, slots=True)
class PersonKeys:
    """Everything that needs a key, for rows about people. Raises cryptography's InvalidTag on a moved or
    changed seal."""

    index_key: bytes = field(repr=False)
    verify_key: bytes = field(repr=False)
    stranger_key: bytes = field(repr=False)
    pairwise_key: bytes = field(repr=False)
    cipher: AESGCM = field(repr=False)

    def blind_index(self, identifier: Identifier) -> bytes:
        """32 bytes that find an identifier without telling it."""
        return hmac.digest(self.index_key, f"{identifier.system}\0{identifier.value}".encode(), "sha256")

    def seal(self, person: str, system: str, blind_index: bytes, value: str) -> bytes:
        """`value` sealed for one row of person_identifier; in any other row it will not open."""
        nonce = os.urandom(_NONCE)
        return nonce + self.cipher.encrypt(nonce, value.encode(), _aad(person, system, blind_index, VERSION))

    def open(self, person: str, system: str, blind_index: bytes, sealed: bytes, version: int) -> str:
        """The value of a row of person_identifier."""
        aad = _aad(person, system, blind_index, version)
        return self.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad).decode()

    def seal_cell(self, place: str, value: str) -> bytes:
        """`value` sealed for one cell, named by `place` (table|column|row): in any other it will not open."""
        nonce = os.urandom(_NONCE)
        return nonce + self.cipher.encrypt(nonce, value.encode(), f"{place}|{VERSION}".encode())

    def open_cell(self, place: str, sealed: bytes) -> str:
        """The value of a cell."""
        return self.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], f"{place}|{VERSION}".encode()).decode()

    def verifier(self, person: str, name: str, value: str) -> bytes:
        """Digest of a birth date or family name, keyed by the person, so that equal names look different."""
        return hmac.digest(self.verify_key, f"{person}\0{name}\0{_plain(name, value)}".encode(), "sha256")

    def stranger(self, blind_index: bytes) -> str:
        """The id of whoever this identifier would be: the same at each ask, and shaped like any other id."""
        return hmac.digest(self.stranger_key, blind_index, "sha256")[:16].hex()

    def handle(self, organisation: str, person: str) -> str:
        """The organisation's own name for a person: `sub_` and 160 bits in base 32 (RFC 4648 §6, lower case)."""
        digest = hmac.digest(self.pairwise_key, f"{organisation}\0{person}".encode(), "sha256")
        return "sub_" + base64.b32encode(digest[:20]).decode().lower()


def person_keys(keyring: Keyring) -> PersonKeys:
    """The keys for people's rows, each derived for its one use (HKDF, RFC 5869)."""
    return PersonKeys(
        index_key=keyring.index,
        verify_key=_derive(keyring.index, b"commons person_verifier v1"),
        stranger_key=_derive(keyring.index, b"commons stranger v1"),
        pairwise_key=keyring.pairwise,
        cipher=AESGCM(_derive(keyring.seal, b"commons person_identifier v1")),
    )


def plain_name(name: str) -> str:
    """A family name without case, accents, spaces or punctuation: `O’Brien-Núñez` → `obriennunez`."""
    return "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalpha())


def _plain(name: str, value: str) -> str:
    return plain_name(value) if name == "family_name" else value.strip()


def _derive(key: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=use).derive(key)


def _aad(person: str, system: str, blind_index: bytes, version: int) -> bytes:
    return f"person_identifier|sealed|{person}|{system}|{blind_index.hex()}|{version}".encode()
