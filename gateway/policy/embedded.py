# SPDX-License-Identifier: Apache-2.0
"""The judge in the process: the regorus interpreter, fed JSON text.

Text, because some builds of the engine turn Python's True into 1; the interpreter, because its virtual machine
was seen to allow what must be denied (docs/reference/policy.md). The engine belongs to the thread that made it:
asked from another one it panics with a BaseException, which is a no like every other failure; and dropped on
another one, where the collector of cycles may run, it panics too. So an engine that is done with is laid aside for
its own thread to drop.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from pathlib import Path

import msgspec
import regorus

from gateway.errors import PolicyUnavailable
from gateway.model import Decision
from gateway.policy import canaries
from gateway.policy.bundle import ENTRYPOINT, Bundle, build
from gateway.policy.documents import PolicyFolderError
from gateway.policy.encoding import checked, encode
from gateway.policy.facts import Facts
from gateway.policy.judge import read
from gateway.policy.vocabulary import load


class EmbeddedJudge:
    """Judges by one bundle. Make it in the thread of the event loop that will ask it.

    Raises PolicyFolderError when the engine cannot read the rules. Whether they may be served is not asked here:
    see `canaries.prove` and `gateway.policy.activation`.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._engines = [_engine(bundle)]  # one, or none after a failure
        weakref.finalize(self, _lay_aside, _aside(), threading.current_thread(), self._engines).atexit = False

    @classmethod
    def of(cls, bundle: Bundle) -> EmbeddedJudge:
        """The judge of a bundle whose origin the caller has checked."""
        return cls(bundle)

    @classmethod
    def unsafe_unsigned(cls, folder: Path | None = None) -> EmbeddedJudge:
        """The judge of a folder of rules that nobody has signed: for tests and for authors, never for a server.
        Raises PolicyFolderError when the folder cannot be used or a canary is allowed."""
        vocabulary = load(folder)
        judge = cls(build(vocabulary))
        canaries.prove(judge.decide, vocabulary)
        return judge

    @property
    def revision(self) -> str:
        """See Judge."""
        return self._bundle.revision

    async def judge(self, facts: Facts) -> Decision:
        """See Judge."""
        return self.decide(facts)

    def decide(self, facts: Facts) -> Decision:
        """The same without an event loop. Raises PolicyUnavailable on any doubt."""
        try:
            text = encode(facts)
            return read(self.ask(text.decode()), checked(text), self.revision)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise PolicyUnavailable from error

    def ask(self, text: str) -> str:
        """The engine's answer to JSON text, as it is. Raises PolicyUnavailable when it fails in any way."""
        try:
            # What fails half-way is not asked again.
            engine = self._engines.pop() if self._engines else _engine(self._bundle)
            engine.set_input_json(text)
            answer = engine.eval_rule_as_json(ENTRYPOINT)
            self._engines.append(engine)
        except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # pyo3's PanicException is no Exception
            raise PolicyUnavailable from error
        if not isinstance(answer, str):
            raise PolicyUnavailable
        return answer


_done = threading.local()
_orphans: list[regorus.Engine] = []
"""Engines whose thread has ended: never dropped. A law that was refused on a thread of its own leaves one."""


def _aside() -> list[regorus.Engine]:
    """The engines of this thread that are done with."""
    aside: list[regorus.Engine] = _done.__dict__.setdefault("engines", [])
    return aside


def _lay_aside(aside: list[regorus.Engine], owner: threading.Thread, engines: list[regorus.Engine]) -> None:
    (aside if owner.is_alive() else _orphans).extend(engines)


def _engine(bundle: Bundle) -> regorus.Engine:
    _aside().clear()
    engine = regorus.Engine()
    try:
        for name, text in bundle.modules.items():
            engine.add_policy(name, text)
        engine.add_data_json(bundle.data)
    except RuntimeError as error:
        del engine  # the traceback would keep it, for whichever thread forgets that
        raise PolicyFolderError(f"the rules cannot be read by the engine: {error}") from error
    return engine
