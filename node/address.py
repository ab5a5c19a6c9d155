"""Addresses as people write them: `host:port`, `[::1]:port`.

Owns the parsing, and which hosts are this machine only. Does not own name look-up (node/link.py).
"""

from ipaddress import ip_address

from node.errors import AddressError


def parse(address: str) -> tuple[str, int]:
    """Host and port. Raises `AddressError` for anything else."""
    host, colon, digits = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not colon or not host or not (digits.isascii() and digits.isdigit()) or (":" in host) != bracketed:
        raise AddressError(f"{address!r} is not an address: write host:port, or [host]:port for IPv6")
    port = int(digits[:6])
    if port > 65_535:
        raise AddressError(f"{address!r}: a port is at most 65535")
    return host, port


def written(host: str, port: int) -> str:
    """The address as text."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_literal(host: str) -> bool:
    """Whether a host is a number and needs no look-up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a numeric host is reached from this machine only."""
    return ip_address(host.partition("%")[0]).is_loopback
