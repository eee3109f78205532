# SPDX-License-Identifier: Apache-2.0
"""The provider's key and the ID tokens it makes, in the shape of NHS login: `vot`, `nhs_number`, ES256.

It signs anybody in whom it is told to, so a gateway trusts it only if its settings say so; nothing does by default
but the folder of a sandbox.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from joserfc.jwk import ECKey
from joserfc.jws import serialize_compact

ISSUER = "https://sign-in.sandbox.example"
CLIENT_ID = "commons-sandbox"
LIFE_S = 300


class Provider:
    """One provider over a folder; its key is made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        file = folder / "key.jwk"
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
            file.touch(mode=0o600)
            file.write_text(json.dumps(made.as_dict(private=True)))
            (folder / "jwks.json").write_text(json.dumps({"keys": [made.as_dict(private=False)]}))
        self._key = ECKey.import_key(json.loads(file.read_text()))
        self.jwks_file = folder / "jwks.json"

    def id_token(
        self, nhs_number: str, nonce: str, *, vot: str = "P9.Cp.Cd", now: int = 0, **claims: object
    ) -> str:
        """An ID token (OpenID Connect Core §2) about whoever has that NHS number. `now` in seconds since 1970, 0
        for this moment; `claims` add members or replace them."""
        issued = now or int(time.time())
        members = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "sub": f"sandbox-{nhs_number}",
            "nonce": nonce,
            "iat": issued,
            "exp": issued + LIFE_S,
            "vot": vot,
            "vtm": f"{ISSUER}/trustmark",
            "nhs_number": nhs_number,
            **claims,
        }
        return serialize_compact(
            {"alg": "ES256", "typ": "JWT", "kid": self._key.kid}, json.dumps(members), self._key
        )
