# SPDX-License-Identifier: Apache-2.0
"""The signature of a notice: HMAC-SHA-256 (RFC 2104) over `<t>.<body>`, t the seconds since 1970 as decimal digits.

    Commons-Signature: t=1800000000,v1=<64 hexadecimal digits>[,v1=…]

While a secret is being changed there is one `v1` for each secret in force; one that fits is enough. The time is
signed, so that a notice that somebody recorded is of no use later. Pure; `verify` is what a receiver does.
"""

from __future__ import annotations

import hmac
import secrets as random
from collections.abc import Iterable
from dataclasses import dataclass

SIGNATURE = "Commons-Signature"
NOTICE = "Commons-Notice"
KIND = "Commons-Kind"

TOLERANCE_S = 300
"""How far the clocks of sender and receiver may differ, with the time on the way."""


@dataclass(frozen=True, slots=True)
class Genuine:
    """The body is what we signed, and lately."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """The body must not be believed, and why."""

    reason: str


def make_secret() -> str:
    """A new secret: its text, in ASCII, is the key of the HMAC."""
    return "whsec_" + random.token_hex(32)


def sign(body: bytes, secrets: Iterable[str], at: int) -> str:
    """The value of the header for `body` sent at `at` (epoch seconds), a signature for each secret."""
    return ",".join([f"t={at}", *(f"v1={_mac(body, secret, at)}" for secret in secrets)])


def verify(header: str, body: bytes, secrets: Iterable[str], now: int) -> Genuine | Doubtful:
    """Whether `body` (the bytes as they came) is from us. A signature of a version that is not known is passed
    over, so that a later one can be added beside it."""
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12:
        return Doubtful("the header does not say when it was signed")
    at = int(times[0])
    if abs(now - at) > TOLERANCE_S:
        return Doubtful("it was signed too long ago, or a clock is wrong")
    offered = [value.encode("utf-8", "replace") for name, _, value in parts if name == "v1"]
    wanted = [_mac(body, secret, at).encode() for secret in secrets]
    if any(hmac.compare_digest(one, other) for one in offered for other in wanted):
        return Genuine()
    return Doubtful("no signature fits the body and a secret")


def _mac(body: bytes, secret: str, at: int) -> str:
    return hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
