# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-policy: which logs and witnesses are trusted, and how many of the witnesses must have cosigned.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

The same file tells a gateway whom to ask and an auditor what to insist on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from .notes import WITNESS, Finding, Key, is_decimal

NONE = "none"


class Witness(NamedTuple):
    """A witness of a policy: its name there, its key, and where it is asked (empty: nowhere)."""

    name: str
    key: Key
    url: str


class Group(NamedTuple):
    """A group witnessed a checkpoint when at least `least` of its members did."""

    least: int
    members: tuple[str, ...]


class Policy(NamedTuple):
    """A policy as it was read (a notes.Demand)."""

    logs: Sequence[Key]
    witnesses: Mapping[str, Witness]
    groups: Mapping[str, Group]
    quorum: str

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy file. Raises Finding."""
        if any(ord(c) < 32 and c not in "\t\n" for c in text):
            raise Finding("policy: it has a control character")
        reading = _Reading()
        for number, line in enumerate(text.split("\n"), 1):
            words = [word for word in line.replace("\t", " ").split(" ") if word]
            if words and not words[0].startswith("#"):
                try:
                    reading.take(words)
                except Finding as finding:
                    raise Finding(f"policy: line {number}: {finding}") from None
        if not reading.quorum:
            raise Finding("policy: it has no quorum")
        return cls(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)

    def is_met(self, cosigned: Collection[str]) -> bool:
        """Whether these witnesses (names of the policy) are a quorum."""
        return self.quorum == NONE or self._witnessed(self.quorum, cosigned)

    def cosigned(self, body: str, signatures: Sequence[tuple[str, bytes]]) -> dict[str, int]:
        """When each witness cosigned a checkpoint's text (seconds since 1970); those that did not are absent."""
        found = {name: one.key.cosigned(body, signatures) for name, one in self.witnesses.items()}
        return {name: one[0] for name, one in found.items() if one is not None}

    def require(self, body: str, signatures: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
        """See notes.Demand."""
        names = tuple(self.cosigned(body, signatures))
        if not self.is_met(names):
            seen = ", ".join(names) or "none"
            raise Finding(f"checkpoint: not cosigned by the witnesses the policy asks for, only by {seen}")
        return names

    def _witnessed(self, name: str, cosigned: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._witnessed(member, cosigned) for member in group.members) >= group.least


class _Reading:
    """What was read so far: a line may only name what stands before it."""

    def __init__(self) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum = ""
        self._keys: set[bytes] = set()
        self._members: set[str] = set()

    def take(self, words: list[str]) -> None:
        """One line. Raises Finding."""
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.logs.append(self._once(Key(vkey)))
            case ["witness", name, vkey, *rest] if len(rest) < 2:
                self._define(name)
                key = self._once(Key(vkey, WITNESS))
                self.witnesses[name] = Witness(name, key, rest[0].rstrip("/") if rest else "")
            case ["group", name, least, _, *_]:
                self._define(name)
                self.groups[name] = self._group(least, words[3:])
            case ["quorum", name]:
                if self.quorum:
                    raise Finding("there is a quorum already")
                if name not in {NONE, *self.witnesses, *self.groups}:
                    raise Finding("the quorum names nothing that stands before it")
                self.quorum = name
            case _:
                raise Finding("it is no log, witness, group or quorum as C2SP tlog-policy has them")

    def _group(self, least: str, members: list[str]) -> Group:
        if not {*self.witnesses, *self.groups}.issuperset(members):
            raise Finding("a member of the group is not defined before it")
        if len(set(members)) != len(members) or self._members & set(members):
            raise Finding("a name may be a member once")
        self._members |= set(members)
        count = {"any": 1, "all": len(members)}.get(least) or (int(least) if is_decimal(least) else 0)
        if not 1 <= count <= len(members):
            raise Finding("a group asks for all, any, or a number of its members")
        return Group(count, tuple(members))

    def _define(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise Finding("the name is taken")

    def _once(self, key: Key) -> Key:
        if key.public in self._keys:
            raise Finding("the key stands there twice")
        self._keys.add(key.public)
        return key
