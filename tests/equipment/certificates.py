"""A certificate authority for `.test` names, made anew in each run and trusted by nobody else."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class CertificateAuthority:
    """Makes a certificate for any host that is asked for, when it is asked for."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Loopback test authority")])
        self._server_contexts: dict[str, ssl.SSLContext] = {}
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        self._certificate = self._sign(
            self._name, self._key.public_key(), [(x509.BasicConstraints(ca=True, path_length=0), True), (usage, True)]
        )

    @cached_property
    def pem(self) -> str:
        """The authority's own certificate, for a client's trust store."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def client_context(self) -> ssl.SSLContext:
        """A client's context that trusts this authority and no other."""
        return ssl.create_default_context(cadata=self.pem)

    def server_context(self) -> ssl.SSLContext:
        """A server's context that shows a certificate for whichever host the client names."""
        context = self._context_for("localhost")
        context.sni_callback = self._on_server_name
        return context

    def _on_server_name(self, connection: ssl.SSLObject, host: str | None, _context: ssl.SSLContext) -> None:
        if host:
            connection.context = self._context_for(host)

    def chain(self, host: str) -> bytes:
        """A new key and its certificate for a host, in one PEM, as web servers read it from a file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = self._sign(subject, key.public_key(), [(names, False)])
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + certificate.public_bytes(serialization.Encoding.PEM)

    def _context_for(self, host: str) -> ssl.SSLContext:
        if host not in self._server_contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with tempfile.TemporaryDirectory() as folder:
                chain = Path(folder, "chain.pem")
                chain.write_bytes(self.chain(host))
                context.load_cert_chain(chain)
            self._server_contexts[host] = context
        return self._server_contexts[host]

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extensions: list[tuple[x509.ExtensionType, bool]]
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, hashes.SHA256())


@cache
def authority() -> CertificateAuthority:
    """The one authority of this test run."""
    return CertificateAuthority()
