# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-policy: which logs and witnesses are trusted, and how many of the witnesses must have cosigned.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

The same file tells the gateway whom to ask and an auditor what to insist on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from gateway.audit import cosignature
from gateway.audit.checkpoint import NoteError, read_vkey
from gateway.audit.cosignature import Cosignature, WitnessKey

NONE = "none"


class PolicyError(ValueError):
    """A policy file that cannot be read. The text says which line, and why."""


class Witness(NamedTuple):
    """A witness of a policy: its name there, its key, and where it is asked (empty: it is not asked by us)."""

    name: str
    key: WitnessKey
    url: str


class Group(NamedTuple):
    """A group witnessed a checkpoint when at least `least` of its members did."""

    least: int
    members: tuple[str, ...]


class Policy(NamedTuple):
    """A policy as it was read. `logs` are verifier keys by origin."""

    logs: Mapping[str, str]
    witnesses: Mapping[str, Witness]
    groups: Mapping[str, Group]
    quorum: str

    def is_met(self, cosigned: Collection[str]) -> bool:
        """Whether these witnesses (names of the policy) are a quorum."""
        return self.quorum == NONE or self._witnessed(self.quorum, cosigned)

    def cosigned(self, note: str) -> dict[str, Cosignature]:
        """The valid cosignatures in a note, by the names of the policy. Raises NoteError."""
        names = list(self.witnesses)
        found = cosignature.found_in(note, [self.witnesses[name].key for name in names])
        return {name: one for name, one in zip(names, found, strict=True) if one is not None}

    def _witnessed(self, name: str, cosigned: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._witnessed(member, cosigned) for member in group.members) >= group.least


def parse(text: str) -> Policy:
    """Read a policy file. Raises PolicyError."""
    if any(ord(c) < 32 and c not in "\t\n" for c in text):
        raise PolicyError("The policy has a control character that is not allowed there.")
    reading = _Reading()
    for number, line in enumerate(text.split("\n"), 1):
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        if words and not words[0].startswith("#"):
            try:
                reading.take(words)
            except (NoteError, PolicyError) as error:
                raise PolicyError(f"Line {number} of the policy: {error}.") from None
    if reading.quorum is None:
        raise PolicyError("The policy has no quorum line.")
    return Policy(reading.logs, reading.witnesses, reading.groups, reading.quorum)


class _Reading:
    """What was read so far: a line may only name what stands before it."""

    def __init__(self) -> None:
        self.logs: dict[str, str] = {}
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._keys: set[bytes] = set()
        self._members: set[str] = set()

    def take(self, words: list[str]) -> None:
        """One line. Raises PolicyError, NoteError."""
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                name, raw = read_vkey(vkey)
                self._once(raw)
                self.logs[name] = vkey
            case ["witness", name, vkey, *rest] if len(rest) < 2:
                self._define(name)
                key = cosignature.key(vkey)
                self._once(key.public.public_bytes_raw())
                self.witnesses[name] = Witness(name, key, rest[0].rstrip("/") if rest else "")
            case ["group", name, least, _, *_]:
                self._define(name)
                self.groups[name] = self._group(least, words[3:])
            case ["quorum", name]:
                if self.quorum is not None:
                    raise PolicyError("there is a quorum already")
                if name not in {NONE, *self.witnesses, *self.groups}:
                    raise PolicyError("the quorum names nothing that stands before it")
                self.quorum = name
            case _:
                raise PolicyError("it is no log, witness, group or quorum as C2SP tlog-policy has them")

    def _group(self, least: str, members: list[str]) -> Group:
        known = {*self.witnesses, *self.groups}
        if not known.issuperset(members):
            raise PolicyError("a member of the group is not defined before it")
        if len(set(members)) != len(members) or self._members & set(members):
            raise PolicyError("a name may be a member once")
        self._members |= set(members)
        words = {"any": 1, "all": len(members)}
        count = words.get(least) or (int(least) if least.isascii() and least.isdigit() and least[0] != "0" else 0)
        if not 1 <= count <= len(members):
            raise PolicyError("a group asks for all, any, or a number of its members")
        return Group(count, tuple(members))

    def _define(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise PolicyError("the name is taken")

    def _once(self, key: bytes) -> None:
        if key in self._keys:
            raise PolicyError("the key stands there twice")
        self._keys.add(key)
