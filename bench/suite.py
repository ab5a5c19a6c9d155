"""`bench suite`: every part in turn, within a time, and one report at the end, whatever was measured by then.

Owns the order, the time, and the file of results, a JSON line for each row as soon as there is one; the report is made
of that file alone (bench/page.py). What a part measures and how it is shown stands in the table of parts.
Read next: bench/parts.py.
"""

import json
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from argosy.testing.linear import Violation
from bench import page
from bench.cluster import BenchFailed
from bench.figures import Row
from bench.parts import PARTS, Part
from bench.report import Tell

RESULTS = "results.json"


class Suite:
    """One run of the suite into a folder. `interrupted` says that somebody pressed Ctrl-C."""

    def __init__(self, folder: Path, minutes: float, seed: int, tell: Tell) -> None:
        self._folder, self._seed, self._tell = folder, seed, tell
        self._end = time.monotonic() + minutes * 60
        self._minutes = minutes
        self.interrupted = False
        self.rows: list[Row] = []

    def run(self, about: Row, parts: Iterable[Part]) -> Path:
        """Measure, and write the report; where it is. A part that fails is told of there, and is not the end."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / RESULTS).write_text("")
        self._keep(about)
        for part in parts:
            if part.missing():
                self._note(part, f"Not compared with {part.missing()}, which is not installed here.")
            if self.interrupted:
                self._note(part, "Not measured: the run was stopped before.")
            elif self._end - time.monotonic() < part.seconds:
                self._note(part, f"Not measured: the {self._minutes:g} minutes of this run were over before.")
            else:
                self._measure(part)
        self._tell("the report is written")
        return page.write(self._folder, self.rows)

    def _measure(self, part: Part) -> None:
        try:
            # Closing it ends the nodes of a part that is left in the middle.
            with closing(part.run(self._seed, self._tell)) as rows:
                for row in rows:
                    self._keep({"part": part.name, **row})
                    if time.monotonic() > self._end:
                        self._note(part, f"Not finished: the {self._minutes:g} minutes of this run were over.")
                        break
        except* KeyboardInterrupt:
            self.interrupted = True
            self._note(part, "Stopped in the middle.")
        except* (BenchFailed, Violation) as errors:
            self._note(part, f"Failed: {_texts(errors)}")

    def _note(self, part: Part, text: str) -> None:
        self._keep({"part": part.name, "note": text})

    def _keep(self, row: Row) -> None:
        self.rows.append(row)
        with open(self._folder / RESULTS, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _texts(errors: BaseExceptionGroup[Any]) -> str:
    parts = (_texts(each) if isinstance(each, BaseExceptionGroup) else str(each) for each in errors.exceptions)
    return "; ".join(parts)


def chosen(names: Iterable[str]) -> list[Part]:
    """The parts of these names, in the suite's order; all, if there is no name."""
    wanted = set(names) or {part.name for part in PARTS}
    return [part for part in PARTS if part.name in wanted]
