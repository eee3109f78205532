# SPDX-License-Identifier: Apache-2.0
"""The secrets of one gateway: key files that live outside every database.

Who owns the database must not be able to re-sign the log, read sealed payloads or re-identify a handle; so
each key is a file of its own, mode 0600, made once by `commons keys init` and never written by the server.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey

SYMMETRIC = ("seal", "index", "pairwise")
"""`seal` seals identifiers and blinds the log's names (HKDF), `index` keys blind indexes, `pairwise` keys
organisation handles (HMAC)."""


class KeyringError(Exception):
    """A key file is missing, readable by others, or not what it should be. The text says what to do."""


class WrapKeys:
    """The keys that wrap the log's data keys: files `wrap-ID.key`, ID eight hexadecimal digits in the order in
    which they were made. The newest wraps; older ones only unwrap, until everything is wrapped anew and they are
    destroyed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> dict[bytes, bytes]:
        """Id (4 bytes) → key (32 bytes), the newest last. Raises KeyringError when there is none."""
        paths = self._paths()
        if not paths:
            raise KeyringError(f"{self._folder}/wrap-*.key is missing: run `commons keys rotate`")
        return {_wrap_id(path): _symmetric(path) for path in paths}

    def add(self) -> bytes:
        """Make a new key, which wraps from now on; gives its id."""
        newest = max((int.from_bytes(_wrap_id(path)) for path in self._paths()), default=0)
        id_ = (newest + 1).to_bytes(4)
        _write(self._folder / f"wrap-{id_.hex()}.key", os.urandom(32).hex().encode())
        return id_

    def destroy(self, id_: bytes) -> None:
        """Overwrite and remove a key. Whatever is still wrapped by it, in any backup, can never be opened again."""
        path = self._folder / f"wrap-{id_.hex()}.key"
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("wrap-*.key"))


def _wrap_id(path: Path) -> bytes:
    try:
        return int(path.stem.removeprefix("wrap-"), 16).to_bytes(4)
    except (ValueError, OverflowError) as error:
        raise KeyringError(f"{path} must be named wrap- and eight hexadecimal digits") from error


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one gateway, as read at the start.

    `log`: 32-byte Ed25519 seed of the log (C2SP signed note); `token`: ES256 keys for access tokens, the first
    signs, all are published; `seal`, `index`, `pairwise`: 32 random bytes each; `wrap`: where the keys lie that
    wrap the log's data keys, which change while gateways run.
    """

    log: Ed25519PrivateKey = field(repr=False)
    token: tuple[ECKey, ...] = field(repr=False)
    seal: bytes = field(repr=False)
    index: bytes = field(repr=False)
    pairwise: bytes = field(repr=False)
    wrap: WrapKeys = field(repr=False)


def create(folder: Path) -> None:
    """Make a new set of keys in `folder`. Raises KeyringError when one is already there: keys are never
    overwritten, since losing `seal` or `index` loses what they protect."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if present := sorted(p.name for p in folder.iterdir()):
        raise KeyringError(f"{folder} already holds {', '.join(present)}; move them away to make new keys")
    for name in ("log", *SYMMETRIC):
        _write(folder / f"{name}.key", os.urandom(32).hex().encode())
    WrapKeys(folder).add()
    token = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
    _write(folder / "token.jwk", json.dumps(token.as_dict(private=True)).encode())


def load(folder: Path) -> Keyring:
    """Read all keys, refusing a folder that others can read."""
    raw = {name: _symmetric(folder / f"{name}.key") for name in ("log", *SYMMETRIC)}
    return Keyring(
        log=Ed25519PrivateKey.from_private_bytes(raw["log"]),
        token=tuple(_token_keys(folder)),
        seal=raw["seal"],
        index=raw["index"],
        pairwise=raw["pairwise"],
        wrap=WrapKeys(folder),
    )


def _token_keys(folder: Path) -> list[ECKey]:
    paths = sorted(folder.glob("token*.jwk"))
    if not paths:
        raise KeyringError(f"{folder}/token.jwk is missing: run `commons keys init`")
    keys = []
    for path in paths:
        try:
            key = ECKey.import_key(json.loads(_read(path)))
        except ValueError as error:
            raise KeyringError(f"{path} is not an EC key in JWK form (RFC 7517)") from error
        if not key.is_private or not key.kid:
            raise KeyringError(f"{path} must hold a private key with a kid")
        keys.append(key)
    return keys


def _symmetric(path: Path) -> bytes:
    try:
        value = bytes.fromhex(_read(path).decode().strip())
    except ValueError as error:
        raise KeyringError(f"{path} must be 64 hexadecimal digits") from error
    if len(value) != 32:
        raise KeyringError(f"{path} must be 64 hexadecimal digits")
    return value


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise KeyringError(f"{path} is missing: run `commons keys init`") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyringError(f"{path} can be read by others: run `chmod 600 {path}`")
    return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
