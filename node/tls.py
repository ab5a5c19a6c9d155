"""TLS for links: contexts from a folder, and a pipe that turns plain bytes into TLS bytes without a socket.

Owns what counts as proof: both sides show a certificate of the cluster's own authority (`ca.crt`); a node's is good
for serving and for dialling, a client's for dialling only, so a client can never stand for a node. Names in
certificates are not compared with addresses: membership is what is proved. Does not own sockets (node/link.py).
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from node.errors import Malformed, NodeError

PLAIN_BYTES_MAX = 256 << 10  # one read of decrypted bytes


@dataclass(frozen=True, slots=True)
class Tls:
    """The two contexts of one process."""

    serving: ssl.SSLContext
    dialling: ssl.SSLContext


def load(folder: str | Path, name: str = "node") -> Tls:
    """Contexts from `ca.crt`, `<name>.crt` and `<name>.key` of a folder. Raises `NodeError`."""
    folder = Path(folder)
    paths = [folder / "ca.crt", folder / f"{name}.crt", folder / f"{name}.key"]
    for path in paths:
        if not path.is_file():
            raise NodeError(f"TLS needs {path}, which is not there")
    try:
        return Tls(_context(ssl.PROTOCOL_TLS_SERVER, *paths), _context(ssl.PROTOCOL_TLS_CLIENT, *paths))
    except (ssl.SSLError, OSError) as error:
        raise NodeError(f"TLS files in {folder} cannot be used: {error}") from error


def _context(protocol: int, authority: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate, key)
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # a link is never resumed
    return context


class TlsPipe:
    """One side of a TLS connection over memory.

    1. Nothing plain passes before the handshake is done.
    2. `outgoing` is to be sent after every `receive` and `send`.
    """

    __slots__ = ("_incoming", "_object", "_outgoing", "established")

    def __init__(self, context: ssl.SSLContext, serving: bool) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=serving)
        self.established = False

    def receive(self, received: bytes | memoryview) -> bytes:
        """The plain bytes that these TLS bytes complete. Raises `Malformed`: no TLS, or no proof."""
        self._incoming.write(received)
        try:
            if not self.established:
                self._object.do_handshake()
                self.established = True
            return self._read()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise Malformed(f"TLS: {error.reason or error}") from error

    def _read(self) -> bytes:
        parts = []
        try:
            while part := self._object.read(PLAIN_BYTES_MAX):
                parts.append(part)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def send(self, plain: bytes) -> None:
        """Encrypt; the bytes are in `outgoing` then."""
        self._object.write(plain)

    def outgoing(self) -> bytes:
        """What is to be sent now."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def proves_node(self) -> bool:
        """Whether the other side's certificate may serve: that of a node."""
        from cryptography import x509  # takes a tenth of a second to import, and most processes never need it

        shown = self._object.getpeercert(binary_form=True)
        if shown is None:
            return False
        try:
            usage = x509.load_der_x509_certificate(shown).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        except (x509.ExtensionNotFound, ValueError):
            return False
        return x509.oid.ExtendedKeyUsageOID.SERVER_AUTH in usage.value
