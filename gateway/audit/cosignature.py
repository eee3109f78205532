# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-cosignature, Ed25519 (signature type 0x04): what a witness adds to a checkpoint that it found to be
consistent with all it saw before. Checked by `gateway.audit.verify`."""

from __future__ import annotations

import base64
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.checkpoint import DASH

_TYPE = b"\x04"


def key_id(name: str, public: Ed25519PublicKey) -> bytes:
    """The four bytes by which a cosignature line names the key of a witness."""
    return sha256(name.encode() + b"\n" + _TYPE + public.public_bytes_raw()).digest()[:4]


def vkey(name: str, public: Ed25519PublicKey) -> str:
    """The verifier key of a witness: name, key id and key in one line."""
    encoded = base64.b64encode(_TYPE + public.public_bytes_raw()).decode()
    return f"{name}+{key_id(name, public).hex()}+{encoded}"


def cosign(name: str, key: Ed25519PrivateKey, text: str, at_s: int) -> str:
    """The line of a witness over a checkpoint's three lines, made at a time (seconds since 1970); ends with LF."""
    signature = key.sign(f"cosignature/v1\ntime {at_s}\n{text}".encode())
    encoded = base64.b64encode(key_id(name, key.public_key()) + at_s.to_bytes(8) + signature).decode()
    return f"{DASH}{name} {encoded}\n"
