"""A certificate authority for one test: real keys, made on the spot."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(kw_only=True)
class Authority:
    """Signs server certificates; `ca_file` is what an account must trust."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.name = _name("Test authority")
        builder = self._builder(self.name, self.key.public_key(), NOW + 30 * DAY)
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(usage, critical=True)
        self.ca_file = self._write("ca.pem", builder.sign(self.key, hashes.SHA256()))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, until: dt.datetime
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(issuer_name=self.name, subject_name=subject, public_key=key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW - 30 * DAY).not_valid_after(until)
        key_id = x509.SubjectKeyIdentifier.from_public_key(key)
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.add_extension(key_id, critical=False).add_extension(authority_id, critical=False)

    def server_context(self, host: str = "127.0.0.1", *, expired: bool = False) -> ssl.SSLContext:
        """Return what a server for `host` needs to speak TLS."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = NOW - DAY if expired else NOW + DAY
        address = x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        builder = self._builder(_name(host), key.public_key(), until)
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        certificate = self._write("server.pem", builder.sign(self.key, hashes.SHA256()))
        key_file = self.folder / "server.key"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key_file)
        return context

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self.folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path
