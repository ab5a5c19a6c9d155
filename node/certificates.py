"""Certificates of a cluster, for `--tls-dir`: an authority of its own, and what it says of nodes and clients.

Owns the form that node/tls.py asks for. Whoever holds `ca.key` can make nodes: it stays off the nodes.
Does not own when they are made (argosy/cli).
"""

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.clock import wall_date
from node.errors import NodeError

DAYS = 3650


def make_authority(folder: str | Path) -> None:
    """Write `ca.crt` and `ca.key` into a folder, made if missing. Raises `NodeError` if they are there."""
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "argosy authority")])
    made = _begun(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    _write(folder / "ca.key", _key_bytes(key))
    _write(folder / "ca.crt", made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def make_certificate(authority: str | Path, folder: str | Path, name: str = "node", node: bool = True) -> None:
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
    made = _begun(subject, issuer.subject, key).add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{name}.key", _key_bytes(key))
    _write(folder / f"{name}.crt", made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    if not (folder / "ca.crt").exists():
        _write(folder / "ca.crt", issuer.public_bytes(serialization.Encoding.PEM))


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wall_date(-1))
        .not_valid_after(wall_date(DAYS))
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
