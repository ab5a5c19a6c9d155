"""`argosy cert`: a cluster's own authority, certificates of nodes and clients, and when they end.

Owns the options and what is said. Does not own the form of certificates (node/certificates.py). Imports are late, so
that `--help` is quick. Read next: node/tls.py.
"""

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from node.certificates import Certificate

DAYS = 3650
WARN_DAYS = 30  # before the end of a certificate `show` says so, with exit code 1

days = click.option("--days", default=DAYS, show_default=True, type=click.IntRange(1, 36_500), help="Until it ends.")
authority = click.option(
    "--authority", required=True, type=click.Path(exists=True, file_okay=False), help="Folder that `cert ca` made."
)
folder = click.argument("folder", type=click.Path(file_okay=False))


@click.group()
def cert() -> None:
    """Certificates for --tls-dir, signed by an authority of the cluster's own.

    \b
    argosy cert ca ./authority                              once; keep ca.key off the nodes
    argosy cert node ./node1-tls --authority ./authority    for `argosy start --tls-dir ./node1-tls`
    argosy cert client ./my-tls --authority ./authority     for whoever asks the cluster
    argosy cert show ./node1-tls                            what they are, and when they end
    """


@cert.command(short_help="Make an authority.")
@folder
@days
def ca(folder: str, days: int) -> None:
    """Make an authority in FOLDER: ca.crt, which everybody gets, and ca.key, with which anybody can make nodes."""
    from node.certificates import make_authority

    make_authority(folder, days)
    click.echo(f"made an authority in {folder}: keep ca.key off the nodes")


@cert.command(short_help="Make a node's certificate.")
@folder
@authority
@days
def node(folder: str, authority: str, days: int) -> None:
    """Write node.crt, node.key and ca.crt into FOLDER, for `argosy start --tls-dir FOLDER`."""
    _make(folder, authority, days, "node")


@cert.command(short_help="Make a client's certificate.")
@folder
@authority
@days
def client(folder: str, authority: str, days: int) -> None:
    """Write client.crt, client.key and ca.crt into FOLDER. Its holder may ask a cluster, and can never be a node."""
    _make(folder, authority, days, "client")


def _make(folder: str, authority: str, days: int, name: str) -> None:
    from node.certificates import make_certificate

    make_certificate(authority, folder, name, node=name == "node", days=days)
    click.echo(f"wrote {name}.crt, {name}.key and ca.crt into {folder}; they end in {days} days")


@cert.command(short_help="What certificates are, and when they end.")
@folder
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def show(folder: str, as_json: bool) -> None:
    """The certificates in FOLDER: for whom, and when they end. Exit code 1 if one has ended, or ends within 30 days."""
    from argosy.cli.shown import console, print_json, table
    from node.certificates import read_certificates

    found = read_certificates(folder)
    rows = [_row(each) for each in found]
    if as_json:
        print_json(rows)
    else:
        titles = ("file", "good for", "ends", "days left", "sha-256")
        console().print(table("", titles, [tuple(row.values()) for row in rows]))
    late = [each for each in found if each.days_left < WARN_DAYS]
    for each in late:
        when = "has ended" if each.days_left < 0 else f"ends in {each.days_left} days"
        click.echo(f"{each.file} {when}: make a new one with `argosy cert`, and start the node again", err=True)
    sys.exit(1 if late else 0)


def _row(each: "Certificate") -> dict[str, Any]:
    return {
        "file": each.file,
        "good_for": each.good_for,
        "ends": each.ends,
        "days_left": each.days_left,
        "sha256": each.fingerprint,
    }
