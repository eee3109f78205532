# SPDX-License-Identifier: Apache-2.0
"""The law as a gateway may serve it: signed by a trusted steward, not older than what was served before, and
refusing every canary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from gateway import db
from gateway.errors import PolicyUnavailable
from gateway.policy import activated, canaries, signing
from gateway.policy.archive import Archive
from gateway.policy.bundle import Bundle, compiled_data
from gateway.policy.canaries import CanaryAllowedError
from gateway.policy.documents import PolicyFolderError
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.packing import BundleRefusedError, Packed, unpack, words
from gateway.policy.signing import Trusted
from gateway.policy.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Law:
    """One law: the steward's number, the key it was signed with, what judges read and what people read. `raw`: the
    signed file."""

    sequence: int
    keyid: str
    bundle: Bundle
    vocabulary: Vocabulary
    packed: Packed
    raw: bytes

    @property
    def revision(self) -> str:
        """SHA-256 of rules and data."""
        return self.bundle.revision


@dataclass(slots=True)
class InForce:
    """The law that is served just now, for what outlives a law; replaced as a whole."""

    law: Law

    def vocabulary(self) -> Vocabulary:
        """The words of the law as they are at this moment."""
        return self.law.vocabulary


def examine(raw: bytes, keys: Trusted) -> Law:
    """The law in a bundle's file, once the signature holds. Raises BundleRefusedError, PolicyFolderError."""
    packed = unpack(raw)
    keyid = signing.verify(packed, keys)
    return Law(packed.release.sequence, keyid, packed.bundle, words(packed.bundle), packed, raw)


def prove(law: Law) -> None:
    """Ask the canaries of a law, in this thread. Raises BundleRefusedError (`allows-canary`) for the first that is
    allowed or not answered, PolicyFolderError when the rules cannot be read."""
    if wrong := _wrong_canary(law):
        raise BundleRefusedError("allows-canary", wrong)


def _wrong_canary(law: Law) -> str:
    """What is wrong, as a sentence and not as the error itself: that would carry the engine out of its thread."""
    try:
        canaries.prove(EmbeddedJudge.of(law.bundle).decide, law.vocabulary)
    except CanaryAllowedError as error:
        return str(error)
    except PolicyUnavailable:
        return "a question that must be refused was not answered"
    return ""


def require_consistent(law: Law) -> None:
    """Raises BundleRefusedError (`inconsistent`) unless the data that judges read is what this gateway compiles
    from the agreements that people read. Asked when a law is activated, not when an old one is replayed."""
    if compiled_data(law.vocabulary) != law.bundle.data:
        raise BundleRefusedError(
            "inconsistent", "what judges read is not what the agreements say: build it with this version of commons"
        )


def in_force(engine: Engine, keys: Path) -> Law:
    """The law in force, its signature checked; `keys` is the folder of trusted public keys. Raises
    PolicyFolderError when none was activated or it is not what a trusted steward signed."""
    with db.read(engine) as connection:
        found = activated.in_force(connection)
    if found is None:
        raise PolicyFolderError("no law is in force: activate one with `commons policy activate`")
    law = examine(found[1], signing.trusted(keys))
    if law.sequence != found[0].sequence:
        raise BundleRefusedError("edited", "the law in the database has another number than it was activated with")
    return law


def to_serve(engine: Engine, keys: Path, archive: Archive) -> Law:
    """The law in force, fit to be served: as `in_force`, not older than the newest that this machine has kept, and
    with every canary refused. It is kept from then on."""
    law = in_force(engine, keys)
    require_not_older(law, archive, signing.trusted(keys))
    prove(law)
    archive.keep(law.packed, law.raw)
    archive.put_in_force(law.raw)
    return law


def require_not_older(law: Law, archive: Archive, keys: Trusted) -> None:
    """Raises BundleRefusedError (`rolled-back`) when a newer law, signed by a trusted steward, was kept here: then
    somebody has put an old one into the database."""
    for path in archive:
        try:
            kept = unpack(path.read_bytes())
            signing.verify(kept, keys)
        except BundleRefusedError:
            continue
        if kept.release.sequence > law.sequence:
            raise BundleRefusedError(
                "rolled-back",
                f"law {law.sequence} is older than law {kept.release.sequence}, which was in force here",
            )
