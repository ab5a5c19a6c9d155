"""A node with TLS takes a client of its authority, and nobody else."""

import pytest
from click.testing import CliRunner

import argosy
from argosy.cli import main
from node.errors import AddressError


def certificate(*arguments: str) -> None:
    result = CliRunner().invoke(main, ["certificate", *arguments])
    assert result.exit_code == 0, result.output


def test_only_those_with_a_certificate_get_in(tmp_path):
    folders = {name: str(tmp_path / name) for name in ("authority", "other", "node", "client", "stranger")}
    certificate(folders["node"], "--authority", folders["authority"])
    certificate(folders["client"], "--authority", folders["authority"], "--client")
    certificate(folders["stranger"], "--authority", folders["other"], "--client")
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
