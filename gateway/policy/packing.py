# SPDX-License-Identifier: Apache-2.0
"""A law as one file: an OPA bundle (a gzipped tar archive) that says its revision, its number and its time.

The same law, number, time and key give the same bytes. It holds the rules and the compiled data, which judges
read, and what the data was compiled from, so that a gateway has the words of the law from the same signed file.

https://www.openpolicyagent.org/docs/management-bundles#bundle-file-format
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.policy.bundle import MANIFEST, Bundle, assembled
from gateway.policy.documents import PolicyFolderError
from gateway.policy.vocabulary import Vocabulary, load

BUNDLE_MANIFEST = ".manifest"
SIGNATURES = ".signatures.json"
DATA = "data.json"
LARGEST = 64 * 1024 * 1024
"""Bytes of an unpacked bundle; a law of 5,000 agreements has about 30 MB."""

_NAME = re.compile(r"^(?:[a-z0-9_-]+/){0,3}(?:[a-z0-9_.-]+\.(?:rego|yaml)|manifest\.json|data\.json)$")

Fault = Literal[
    "malformed", "unsigned", "edited", "foreign-key", "rolled-back", "inconsistent", "allows-canary", "not-revised"
]


class BundleRefusedError(PolicyFolderError):
    """A bundle that must not be loaded. `code` tells why; the text says what was expected."""

    def __init__(self, code: Fault, sentence: str) -> None:
        super().__init__(sentence)
        self.code: Fault = code


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """What the steward says of a bundle: a number that only grows, and when (RFC 3339, UTC)."""

    sequence: Annotated[int, Meta(ge=1, lt=2**31)]
    time: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]


class _Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """`.manifest`, as OPA reads it."""

    revision: str
    roots: tuple[str, ...]
    rego_version: int
    metadata: Release


@dataclass(frozen=True, slots=True)
class Packed:
    """A bundle as its file holds it. `files`: all but the signature, by path; `signature`: empty for none. Nothing
    of it may be used before the signature was checked (`signing.verify`)."""

    bundle: Bundle
    release: Release
    files: Mapping[str, bytes]
    signature: str

    @property
    def revision(self) -> str:
        """SHA-256 of rules, data and sources, computed anew from what is there."""
        return self.bundle.revision


def pack(bundle: Bundle, release: Release, sign: Callable[[Mapping[str, bytes]], str]) -> bytes:
    """The file of a bundle; `sign` gives the signature over the files."""
    files = {name: text.encode() for name, text in bundle.modules.items()} | dict(bundle.sources)
    files[DATA] = bundle.data.encode()
    roots = tuple(sorted({"commons", *msgspec.json.decode(bundle.data)}))
    files[BUNDLE_MANIFEST] = _compact(_Manifest(bundle.revision, roots, 1, release))
    return archive(files | {SIGNATURES: _compact({"signatures": [sign(files)]})})


def archive(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive of `files` in the order of their names, without owners or times."""
    made = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=made, mode="wb", filename="", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return made.getvalue()


def unpack(raw: bytes) -> Packed:
    """What a bundle's file holds, its outline checked but not its signature. Raises BundleRefusedError."""
    files = extract(raw)
    signatures = files.pop(SIGNATURES, b"")
    try:
        manifest = msgspec.json.decode(files[BUNDLE_MANIFEST], type=_Manifest)
        signature = _signature(signatures)
        modules = {name: raw.decode() for name, raw in files.items() if name.endswith(".rego")}
        sources = {name: raw for name, raw in files.items() if name.endswith(".yaml") or name == MANIFEST}
        bundle = assembled(modules, files[DATA].decode(), sources)
    except (KeyError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise BundleRefusedError("malformed", "this is no bundle of `commons policy build`") from error
    if bundle.revision != manifest.revision:
        raise BundleRefusedError("edited", f"the files are not those of revision {manifest.revision[:16]}")
    return Packed(bundle, manifest.metadata, files, signature)


def extract(raw: bytes) -> dict[str, bytes]:
    """The files of an archive by name: plain files only, each once, each under a name that a bundle can have.
    Raises BundleRefusedError."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflated(raw)), mode="r:") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is None or entry.name in files or not _known(entry.name):
                    raise BundleRefusedError("malformed", "the bundle holds something that is no file of a law")
                files[entry.name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise BundleRefusedError("malformed", "the bundle cannot be unpacked") from error
    return files


def words(bundle: Bundle) -> Vocabulary:
    """The vocabulary that a bundle carries. Raises PolicyFolderError."""
    with tempfile.TemporaryDirectory(prefix="commons-law-") as name:
        folder = Path(name)
        for path, content in {**bundle.sources, **{n: t.encode() for n, t in bundle.modules.items()}}.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return load(folder)


def _known(name: str) -> bool:
    return name in {BUNDLE_MANIFEST, SIGNATURES} or _NAME.match(name) is not None


def _inflated(raw: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as zipped:
        tar = zipped.read(LARGEST + 1)
    if len(tar) > LARGEST:
        raise BundleRefusedError("malformed", f"the bundle is larger than {LARGEST} bytes")
    return tar


def _signature(raw: bytes) -> str:
    if not raw:
        return ""
    signatures = msgspec.json.decode(raw, type=dict[Literal["signatures"], tuple[str, ...]])["signatures"]
    return signatures[0] if len(signatures) == 1 else ""


def _compact(value: Any) -> bytes:
    """JSON with sorted members and no spaces. OPA digests a JSON document in this form, so the digest of the bytes
    and the digest of the document are the same one."""
    return msgspec.json.encode(msgspec.to_builtins(value), order="sorted")
