# SPDX-License-Identifier: Apache-2.0
"""A source over TLS is believed only with a certificate of the authority named, for its host, and of today."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.base import Envelope, Outcome, Reason
from tests.connectors.upstream import document, upstream
from tests.connectors.world import ASKED, REST_MAPPING, SECRET_KEY, ask, manifest, registry

GOOD = {"plans": [{"id": "p1", "client": {"number": ASKED}, "name": "Home again"}]}
TODAY = datetime.now(UTC)


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Examplebury test authority")])
        self.certificate = (
            self._builder(self.name, self.key.public_key(), TODAY + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(TODAY - timedelta(days=10))
            .not_valid_after(until)
        )

    def serves(
        self, folder: Path, host: str = "localhost", until: datetime = TODAY + timedelta(days=1)
    ) -> ssl.SSLContext:
        """A server's context with a certificate for `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        issuer = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            self._builder(subject, key.public_key(), until)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = folder / "server.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def asked(
    folder: Path, stack: AsyncExitStack, tls: ssl.SSLContext | None, pem: str | None, deadline_s: float = 5
) -> Envelope:
    """Asks an upstream with this context, trusting the authority of `pem` alone, or those of the machine."""
    here = await stack.enter_async_context(upstream(document(GOOD), tls))
    made = manifest("rest-json")
    secrets = {"crm_base_url": here.url.replace("http://127.0.0.1", "https://localhost"), "crm_key": SECRET_KEY}
    if pem is not None:
        made["connect"]["ca_file"] = "crm_ca"
        made["secrets"].append("crm_ca")
        secrets["crm_ca"] = pem
    connected = registry(folder, made, REST_MAPPING, secrets)
    stack.push_async_callback(connected.close)
    (envelope,) = await ask(connected, deadline_s=deadline_s)
    return envelope


async def test_the_named_authority_s_certificate_for_the_host_is_believed(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    authority = Authority()
    envelope = await asked(tmp_path, stack, authority.serves(tmp_path), authority.pem)
    assert envelope.outcome is Outcome.FOUND


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path, stack: AsyncExitStack) -> None:
    authority = Authority()
    envelope = await asked(tmp_path, stack, authority.serves(tmp_path, host="other.example"), authority.pem)
    assert envelope.reason is Reason.SOURCE_ERROR


async def test_an_expired_certificate_is_refused(tmp_path: Path, stack: AsyncExitStack) -> None:
    authority = Authority()
    expired = authority.serves(tmp_path, until=TODAY - timedelta(days=1))
    assert (await asked(tmp_path, stack, expired, authority.pem)).reason is Reason.SOURCE_ERROR


async def test_a_certificate_of_another_authority_is_refused(tmp_path: Path, stack: AsyncExitStack) -> None:
    envelope = await asked(tmp_path, stack, Authority().serves(tmp_path), Authority().pem)
    assert envelope.reason is Reason.SOURCE_ERROR


async def test_without_a_named_authority_the_machine_s_own_are_the_only_ones(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    assert (await asked(tmp_path, stack, Authority().serves(tmp_path), None)).reason is Reason.SOURCE_ERROR


async def test_a_server_that_speaks_no_tls_is_never_asked(tmp_path: Path, stack: AsyncExitStack) -> None:
    """It waits for the end of a request in what is a TLS greeting, and hears no word of ours."""
    envelope = await asked(tmp_path, stack, None, Authority().pem, deadline_s=0.3)
    assert envelope.reason is Reason.SOURCE_TIMEOUT


async def test_an_authority_that_is_no_pem_is_a_finding(tmp_path: Path, stack: AsyncExitStack) -> None:
    assert (await asked(tmp_path, stack, None, "nonsense")).reason is Reason.NOT_CONFIGURED
