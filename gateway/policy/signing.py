# SPDX-License-Identifier: Apache-2.0
"""The steward's signature over a bundle, as OPA specifies it: a JWT (RFC 7519, ES256) over the digest of each file.

The private key is the steward's and is not among the gateway's keys, so whoever breaks into a gateway cannot write
law. A gateway holds public keys only, one PEM file each; the file's name is the key's id. Signatures are
deterministic (RFC 6979), so that building twice gives the same bytes.

https://www.openpolicyagent.org/docs/management-bundles#signing
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from msgspec import Struct

from gateway.keyring import KeyringError
from gateway.policy.packing import BundleRefusedError, Packed

SCOPE = "commons-policy"
"""What the signature is for: the same key can sign nothing else by accident."""

PRIVATE = ".private.pem"
PUBLIC = ".pem"
_KEYID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""The id is a file's name, and stands in the record of every activation."""

Trusted = Mapping[str, ec.EllipticCurvePublicKey]
"""Key id → the public key of a steward."""


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    kid: str
    alg: Literal["ES256"] = "ES256"
    typ: Literal["JWT"] = "JWT"


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    hash: str
    algorithm: Literal["SHA-256"] = "SHA-256"


class _Payload(Struct, frozen=True, forbid_unknown_fields=True):
    files: tuple[_File, ...]
    scope: str


def make_key(folder: Path, keyid: str = "") -> tuple[str, Path]:
    """A new key pair of a steward in `folder`: `KEYID.private.pem` (mode 0600) and `KEYID.pem`. Gives the id,
    which is made from the key unless one is given, and the private file. Raises KeyringError when it exists, or the
    id could be no file's name."""
    if keyid and not _KEYID.fullmatch(keyid):
        raise KeyringError("a key id is up to 100 letters, digits, dots, - and _, such as steward-2026")
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    name = keyid or f"steward-{hashlib.sha256(public).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with os.fdopen(
            os.open(folder / (name + PRIVATE), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as out:
            out.write(private)
    except FileExistsError:
        raise KeyringError(f"{folder / (name + PRIVATE)} is there already; keys are never overwritten") from None
    (folder / (name + PUBLIC)).write_bytes(public)
    return name, folder / (name + PRIVATE)


def read_key(file: Path) -> tuple[str, ec.EllipticCurvePrivateKey]:
    """A steward's key id and private key. Raises KeyringError."""
    if not file.name.endswith(PRIVATE):
        raise KeyringError(f"{file} must be named KEYID{PRIVATE}")
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyringError(f"{file} is not an unencrypted private key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyringError(f"{file} must hold a P-256 key")
    return file.name.removesuffix(PRIVATE), key


def trusted(folder: Path) -> Trusted:
    """The public keys of the stewards that a gateway trusts. Raises KeyringError when there is none, when one
    cannot be read, and when a private key lies among them: it must not be on this machine."""
    keys: dict[str, ec.EllipticCurvePublicKey] = {}
    for file in sorted(folder.glob(f"*{PUBLIC}")):
        if file.name.endswith(PRIVATE):
            raise KeyringError(f"{file} is a steward's private key: a gateway must not hold it, move it away")
        keys[file.name.removesuffix(PUBLIC)] = read_public(file)
    if not keys:
        raise KeyringError(f"{folder} holds no steward's public key: run `commons policy trust KEYID.pem`")
    return keys


def read_public(file: Path) -> ec.EllipticCurvePublicKey:
    """A public key in PEM form. Raises KeyringError."""
    try:
        key = serialization.load_pem_public_key(file.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyringError(f"{file} is not a public key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyringError(f"{file} must hold a P-256 key")
    return key


def sign(files: Mapping[str, bytes], keyid: str, key: ec.EllipticCurvePrivateKey) -> str:
    """The JWT over `files` (path → content)."""
    listed = tuple(_File(name, hashlib.sha256(content).hexdigest()) for name, content in sorted(files.items()))
    head, body = _part(_Header(keyid)), _part(_Payload(listed, SCOPE))
    der = key.sign(head + b"." + body, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return b".".join((head, body, _encoded(r.to_bytes(32) + s.to_bytes(32)))).decode()


def verify(packed: Packed, keys: Trusted) -> str:
    """The id of the steward's key that signed exactly the files that are there. Raises BundleRefusedError:
    `unsigned`, `foreign-key` or `edited`."""
    if not packed.signature:
        raise BundleRefusedError("unsigned", "the bundle has no signature")
    try:
        head, body, signature = packed.signature.encode("ascii").split(b".")
        keyid = msgspec.json.decode(_decoded(head), type=_Header).kid
        claimed = msgspec.json.decode(_decoded(body), type=_Payload)
        raw = _decoded(signature)
    except (ValueError, msgspec.DecodeError) as error:
        raise BundleRefusedError("unsigned", "the signature is no ES256 signature of a bundle") from error
    if (key := keys.get(keyid)) is None:
        raise BundleRefusedError("foreign-key", "the bundle is signed by a key that is not trusted here")
    try:
        if len(raw) != 64:
            raise InvalidSignature
        der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        key.verify(der, head + b"." + body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise BundleRefusedError("foreign-key", "the signature was not made by the key it names") from error
    found = {name: hashlib.sha256(content).hexdigest() for name, content in packed.files.items()}
    if (
        claimed.scope != SCOPE
        or len(claimed.files) != len(found)
        or {f.name: f.hash for f in claimed.files} != found
    ):
        raise BundleRefusedError("edited", "the files are not the ones that were signed")
    return keyid


def _part(value: Struct) -> bytes:
    return _encoded(msgspec.json.encode(value))


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
