"""`argosy start`: run one node until a signal comes, or until it must stop.

Owns the signals, the log and the order of the end. Does not own the node (argosy/local.py) nor its turns
(node/drivers/trio.py). Read next: argosy/local.py.
"""

import signal
import sys
from typing import Any

import click
import structlog
import trio

from argosy.local import LocalNode, Place
from node.address import is_literal, is_loopback, parse
from node.config import Settings
from node.drivers.collector import Collector
from node.drivers.trio import TrioDriver
from node.errors import AddressError, NodeError
from txn.config import keep


def run(
    data: str,
    listen: str,
    advertise: str | None,
    join: str | None,
    labels: tuple[str, ...],
    tls_dir: str | None,
    insecure: bool,
    retention_seconds: float,
    log_json: bool,
) -> None:
    """Start, serve, stop. Raises `NodeError` with one line that says why it cannot."""
    host, _ = parse(listen)
    if tls_dir is None and not insecure and is_literal(host) and not is_loopback(host):
        raise AddressError(f"other machines can reach {listen}: give --tls-dir, or say --insecure")
    log = _log(log_json)
    place = Place(data, listen, advertise, join, tuple(map(_label, labels)), tls_dir, insecure, keep(retention_seconds))
    node = LocalNode(place, Settings(), log.debug)
    collector = Collector(node.engine.clock)
    try:
        collector.settle()
        log.info("serving", node=node.identity.node, address=node.address, cluster=node.identity.cluster.hex()[:8])
        if join is not None and not node.fresh:
            log.warning(
                f"--join is ignored: this directory is a node of cluster {node.identity.cluster.hex()[:8]} already"
            )
        trio.run(_serve, node, log)
        if node.host.left:
            log.info(node.engine.stopped)
        elif node.engine.stopped is not None:
            raise NodeError(node.engine.stopped)
    finally:
        collector.release()
        node.close()
    log.info("stopped")


def _label(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name or not value:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--label")
    return name, value


async def _serve(node: LocalNode, log: Any) -> None:
    """Turn the node until it stops or a signal comes."""
    driver = TrioDriver(node.engine, alone=True)
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:

            async def turn() -> None:
                await driver.run()
                nursery.cancel_scope.cancel()

            nursery.start_soon(turn)
            async for number in signals:
                log.info("stopping", signal=signal.Signals(number).name)
                nursery.cancel_scope.cancel()


def _log(as_json: bool) -> Any:
    """Log lines go to standard error: for people at a terminal, or as JSON."""
    colors = sys.stderr.isatty()
    last: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=colors)
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), last],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    return structlog.get_logger()
