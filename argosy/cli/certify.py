"""`argosy certificate`: certificates of a cluster's own authority.

Owns what is said about them. Does not own their form (node/certificates.py). Read next: node/tls.py.
"""

from pathlib import Path

import click

from node.certificates import make_authority, make_certificate


def certify(folder: str, authority: str, client: bool) -> None:
    """Make the authority if there is none, and a certificate signed by it."""
    if not (Path(authority) / "ca.key").exists():
        make_authority(authority)
        click.echo(f"made an authority in {authority}: keep ca.key off the nodes")
    name = "client" if client else "node"
    make_certificate(authority, folder, name, node=not client)
    click.echo(f"wrote {name}.crt, {name}.key and ca.crt into {folder}")
