# SPDX-License-Identifier: Apache-2.0
"""Checks a receipt offline: with the gateway's JWK Set and the log's verifier key, and nothing else.

1. The signature is by a key of the set, and the token is a receipt.
2. The inclusion proof leads from the log entry to a checkpoint that the log's key signed.
3. That entry is about this event: its id, its type, its organisation and its purpose.
4. The groups shown are those the entry commits to, and they name the agreement, the event's hash, the words shown
   and the categories that the receipt names.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from msgspec import Struct

from consent.printed import plain
from consent.receipts import MEDIA_TYPE
from gateway.audit import leaf, verify
from gateway.identity.jws import NotAToken, signed_by, take_apart
from gateway.identity.keys import KeysRefused, read_jwks
from gateway.identity.tokens import ALGORITHM

MOST_BYTES = 65536


class Checked(Struct, frozen=True):
    """What was found: `findings` is empty exactly if all holds; `claims` are the receipt's, where it is signed."""

    findings: tuple[str, ...]
    claims: Mapping[str, Any] = {}

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings

    @property
    def plain(self) -> str:
        """The receipt in plain words."""
        return plain(self.claims)


def unchecked(jws: str) -> str:
    """A receipt in plain words, without looking whether it holds. Raises ValueError for what is none."""
    try:
        token = take_apart(jws.strip(), MOST_BYTES)
        if token.media_type != MEDIA_TYPE:
            raise ValueError("the file holds no receipt")
        return plain(token.claims)
    except (NotAToken, KeyError, TypeError, AttributeError):
        raise ValueError("the file holds no receipt") from None


def check(jws: str, jwks: str | bytes, vkeys: str) -> Checked:
    """Check one receipt. `jwks`: the JWK Set document (RFC 7517); `vkeys`: the log's verifier keys (C2SP), a line
    each, since the log has a name of its own every year."""
    claims = signed_claims(jws, jwks, MEDIA_TYPE)
    if isinstance(claims, str):
        return Checked((claims,))
    try:
        return Checked(tuple(_faults(claims, _of_log(claims["log"]["proof"], vkeys))), claims)
    except (KeyError, TypeError, ValueError, AttributeError):
        return Checked(("receipt: a member is missing or not what it must be",), claims)


def _of_log(proof: str, vkeys: str) -> str:
    """The key of the log that the proof says it is of; any other cannot verify it."""
    origin = proof.partition("\n\n")[2].partition("\n")[0]
    lines = [line.strip() for line in vkeys.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith(f"{origin}+")), lines[0] if lines else "")


def signed_claims(jws: str, jwks: str | bytes, media_type: str) -> dict[str, Any] | str:
    """The claims of a token of ours of that `typ`; a sentence where it is not one."""
    try:
        token = take_apart(jws.strip(), MOST_BYTES)
        keys = read_jwks(jwks, skip_unusable=True)
    except (NotAToken, KeysRefused) as error:
        return f"receipt: {error}"
    key = keys.get(token.kid or "")
    if token.media_type != media_type:
        return f"receipt: expected typ {media_type}"
    if key is None or token.algorithm != ALGORITHM or ALGORITHM not in key.algorithms:
        return "receipt: not signed by a key of this key set"
    if not signed_by(token, key.key):
        return "receipt: the signature does not verify"
    return token.claims


def _faults(claims: Mapping[str, Any], vkey: str) -> Iterator[str]:
    text = claims["log"]["proof"]
    report = verify.proof(text, vkey)
    yield from report.findings
    if not report.ok:
        return
    entry = json.loads(base64.b64decode(text.split("\n")[1].removeprefix("extra "), validate=True))
    said = {
        "id": claims["iso27560:record_id"],
        "type": f"consent.{claims['iso27560:event_type']}",
        "org": claims["dpv:hasRecipient"][0]["id"],
        "purpose": claims["dpv:hasPurpose"][0]["code"],
    }
    yield from (
        f"log entry: its {name} is not the receipt's" for name, value in said.items() if entry[name] != value
    )
    basis, result = (yield from _group(claims, entry, "basis")), (yield from _group(claims, entry, "result"))
    if basis.get("agreement") != claims["agreement"]["id"]:
        yield "log entry: it is under another agreement"
    if basis.get("event_hash") != claims["event"]["hash"]:
        yield "log entry: it is about another event"
    if basis.get("notice_hash") != claims["dpv:hasNotice"]["hash"]:
        yield "log entry: other words were shown"
    if sorted(result.get("categories", ())) != sorted(one["code"] for one in claims["dpv:hasPersonalData"]):
        yield "log entry: it is about other kinds of information"


def _group(claims: Mapping[str, Any], entry: Mapping[str, Any], name: str) -> Generator[str, None, dict[str, Any]]:
    shown = claims["log"]["groups"].get(name)
    if shown is None:
        yield f"log entry: the group {name} is not shown"
        return {}
    try:
        salt, content = (base64.b64decode(shown[part], validate=True) for part in ("salt", "content"))
    except binascii.Error:
        yield f"log entry: the group {name} is not base64"
        return {}
    if base64.b64encode(leaf.commitment(name, salt, content)).decode() != entry["c"].get(name):
        yield f"log entry: the group {name} is not what the entry commits to"
        return {}
    found: dict[str, Any] = json.loads(content)
    return found
