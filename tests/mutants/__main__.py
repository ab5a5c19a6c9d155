"""Plant each bug in a tree of its own, sweep it, and print the table: bug, rule, found by, seeds, seconds."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from argosy.testing.workloads import WORKLOADS
from tests.mutants.mutant import HARD, LISTS, Mutant, listed, plant

SECONDS = 300.0  # of one core, for each bug
CONTROL_SECONDS = 60.0  # in which a tree without a bug must not fail
COLUMNS = ("bug", "rule", "found by", "seeds", "seconds")

Result = dict[str, object]


def hunt(mutant: Mutant | None, seconds: float) -> Result:
    """Sweep a tree with this bug, or without any, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="argosy-mutant-") as folder:
        plant(mutant, Path(folder))
        workloads = sorted(WORKLOADS) if mutant is None else mutant.workloads
        command = [sys.executable, "-m", "tests.mutants.sweep", f"{seconds:g}", *workloads]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PYTHONPATH": folder}
        done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: Result = json.loads(done.stdout)
    return result


def rows_of(found: dict[Mutant, Result]) -> list[tuple[str, ...]]:
    """The table's rows, in the order of the parts."""
    return [
        (mutant.name, mutant.rule, str(row["found"] or "NOT FOUND"), str(row["seeds"]), f"{row['seconds']:.0f}")
        for mutant, row in found.items()
    ]


def main(arguments: list[str]) -> int:
    """1 if a bug was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--part", choices=(*LISTS, HARD), action="append", help="only this part; may be repeated")
    parser.add_argument("--only", action="append", metavar="BUG", help="only this bug; may be repeated")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one core for each bug")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="bugs hunted at a time")
    parser.add_argument("--markdown", action="store_true", help="print the table as ARCHITECTURE.md keeps it")
    options = parser.parse_args(arguments)
    chosen = [each for part in options.part or LISTS for each in listed(part)]
    if options.only:
        chosen = [each for part in (*LISTS, HARD) for each in listed(part)]
        chosen = [each for each in chosen if each.name in options.only]
    control = hunt(None, CONTROL_SECONDS)
    if control["found"]:
        print(f"without any bug: {control['found']} ({control['at']}): nothing can be told of others")
        return 1
    found: dict[Mutant, Result] = {}
    with Progress(console=Console(stderr=True)) as progress, ThreadPoolExecutor(options.jobs) as pool:
        bar = progress.add_task("bugs", total=len(chosen))
        futures = {pool.submit(hunt, each, options.seconds): each for each in chosen}
        try:
            for future in as_completed(futures):
                mutant = futures[future]
                row = found[mutant] = future.result()
                said = f"{row['found'] or 'NOT FOUND'} ({row['seeds']} seeds, {row['seconds']:.0f} s)"
                progress.console.print(f"{mutant.name}: {said}", soft_wrap=True)
                progress.advance(bar)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    found = {mutant: found[mutant] for mutant in chosen}
    _print(rows_of(found), options.markdown)
    missed = [mutant.name for mutant, row in found.items() if not row["found"]]
    print(f"{len(found) - len(missed)} of {len(found)} bugs found" + (f"; not: {', '.join(missed)}" if missed else ""))
    return 1 if missed else 0


def _print(rows: list[tuple[str, ...]], markdown: bool) -> None:
    if markdown:
        for row in (COLUMNS, ("---",) * len(COLUMNS), *rows):
            print("| " + " | ".join(each.replace("|", "\\|") for each in row) + " |")
        return
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*row)
    Console(width=160).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
