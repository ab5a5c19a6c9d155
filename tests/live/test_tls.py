"""A node with TLS takes a client of its authority, and nobody else."""

import json

import pytest
from click.testing import CliRunner

import argosy
from argosy.cli import main
from node.errors import AddressError


def cert(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["cert", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_only_those_with_a_certificate_get_in(tmp_path):
    folders = {name: str(tmp_path / name) for name in ("authority", "other", "node", "client", "stranger")}
    cert("ca", folders["authority"])
    cert("ca", folders["other"])
    cert("node", folders["node"], "--authority", folders["authority"])
    cert("client", folders["client"], "--authority", folders["authority"])
    cert("client", folders["stranger"], "--authority", folders["other"])
    with argosy.open(tmp_path / "data", listen="127.0.0.1:0", tls_dir=folders["node"]) as db:
        db["a"] = b"1"
        address = db._runner.engine.links._listener.address
        with argosy.connect(address, tls_dir=folders["client"]) as client:
            assert client["a"] == b"1"
        with pytest.raises(AddressError), argosy.connect(address, tls_dir=folders["stranger"]):
            pass
        with pytest.raises(AddressError), argosy.connect(address):
            pass
        assert db["a"] == b"1"


def test_what_certificates_are_and_when_they_end_can_be_shown(tmp_path):
    authority, node, client = (str(tmp_path / name) for name in ("authority", "node", "client"))
    assert "keep ca.key off the nodes" in cert("ca", authority, "--days", "900")
    cert("node", node, "--authority", authority, "--days", "400")
    cert("client", client, "--authority", authority, "--days", "5")
    rows = json.loads(cert("show", node, "--json"))
    assert [(row["file"], row["good_for"], row["days_left"]) for row in rows] == [
        ("ca.crt", "signing", 899),
        ("node.crt", "a node", 399),
    ]
    assert "client.crt ends in 4 days" in cert("show", client, code=1)
    assert "a client" in cert("show", client, code=1)


def test_what_is_there_is_never_overwritten_and_what_is_no_certificate_is_told(tmp_path):
    authority = str(tmp_path / "authority")
    cert("ca", authority)
    assert "is there already" in cert("ca", authority, code=1)
    assert "holds no certificates" in cert("show", str(tmp_path), code=1)
    (tmp_path / "bad.crt").write_text("nonsense")
    assert "bad.crt is not a certificate" in cert("show", str(tmp_path), code=1)
    assert "holds no authority" in cert("node", str(tmp_path / "node"), "--authority", str(tmp_path), code=1)
