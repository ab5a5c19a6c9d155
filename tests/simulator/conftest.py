"""Adds up what happened in all seeds, over all workers, and prints it at the end of the run."""

import pytest

TOTALS = pytest.StashKey[dict[str, int]]()
SHOWN = (
    "seeds",
    "elections",
    "starts",
    "SplitRange",
    "MergeRange",
    "MoveReplica",
    "MoveLeader",
    "Collection",
    "intents",
    "settled",
    "barred",
    "committed",
)


def _add(config, totals):
    known = config.stash.setdefault(TOTALS, {})
    for name, count in totals.items():
        known[name] = known.get(name, 0) + count


@pytest.fixture
def record_totals(request):
    def record(totals):
        _add(request.config, {**totals, "seeds": 1})

    return record


def pytest_sessionfinish(session):
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["simulated"] = session.config.stash.get(TOTALS, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    _add(node.config, getattr(node, "workeroutput", {}).get("simulated", {}))


def pytest_terminal_summary(terminalreporter, config):
    totals = config.stash.get(TOTALS, {})
    if totals:
        seconds = totals["milliseconds"] // 1000
        shown = ", ".join(f"{name} {totals.get(name, 0):,}" for name in SHOWN)
        terminalreporter.write_line(f"simulated {seconds:,} s: {shown}")
