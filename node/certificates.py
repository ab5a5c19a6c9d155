"""Certificates of a cluster, for `--tls-dir`: an authority of its own, and what it says of nodes and clients.

Owns the form that node/tls.py asks for, and what can be read off a certificate. Whoever holds `ca.key` can make
nodes: it stays off the nodes. Does not own when they are made (argosy/cli/cert.py).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.clock import days_until, wall_date
from node.errors import NodeError


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says: the date of its end is in UTC, `fingerprint` begins its SHA-256."""

    file: str
    good_for: str
    ends: str
    days_left: int
    fingerprint: str


def read_certificates(folder: str | Path) -> list[Certificate]:
    """The certificates in a folder, by file name. Raises `NodeError` if one cannot be read, or there is none."""
    files = sorted(Path(folder).glob("*.crt"))
    if not files:
        raise NodeError(f"{folder} holds no certificates (*.crt)")
    found = []
    for file in files:
        try:
            read = x509.load_pem_x509_certificate(file.read_bytes())
        except (OSError, ValueError) as error:
            raise NodeError(f"{file} is not a certificate: {error}") from error
        ends, fingerprint = read.not_valid_after_utc, read.fingerprint(hashes.SHA256()).hex()[:16]
        found.append(Certificate(file.name, _good_for(read), f"{ends:%Y-%m-%d}", days_until(ends), fingerprint))
    return found


def _good_for(read: x509.Certificate) -> str:
    extensions = read.extensions
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return "signing"
    except x509.ExtensionNotFound:
        pass
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return "nothing here"
    if ExtendedKeyUsageOID.SERVER_AUTH in usages:
        return "a node"
    return "a client" if ExtendedKeyUsageOID.CLIENT_AUTH in usages else "nothing here"


def make_authority(folder: str | Path, days: int = 3650) -> None:
    """Write `ca.crt` and `ca.key` into a folder, made if missing. Raises `NodeError` if they are there."""
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "argosy authority")])
    made = _begun(name, name, key, days).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    _write(folder / "ca.key", _key_bytes(key))
    _write(folder / "ca.crt", made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def make_certificate(
    authority: str | Path, folder: str | Path, name: str = "node", node: bool = True, days: int = 3650
) -> None:
    """Write `<name>.crt`, `<name>.key` and a copy of `ca.crt` into a folder, signed by the authority in another.

    Only with `node` may its holder serve, and be a node. Raises `NodeError`.
    """
    authority, folder = Path(authority), Path(folder)
    try:
        issuer = x509.load_pem_x509_certificate((authority / "ca.crt").read_bytes())
        issuer_key = serialization.load_pem_private_key((authority / "ca.key").read_bytes(), None)
    except (OSError, ValueError) as error:
        raise NodeError(f"{authority} holds no authority: {error}") from error
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey), "an authority of ours has such a key"
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + [ExtendedKeyUsageOID.SERVER_AUTH] * node
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = _begun(subject, issuer.subject, key, days).add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{name}.key", _key_bytes(key))
    _write(folder / f"{name}.crt", made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    if not (folder / "ca.crt").exists():
        _write(folder / "ca.crt", issuer.public_bytes(serialization.Encoding.PEM))


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wall_date(-1))
        .not_valid_after(wall_date(days))
    )


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, written: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise NodeError(f"{path} is there already; it is not overwritten") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(written)
