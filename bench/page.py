"""The report: one HTML file that holds its pictures, and the same pictures as PNG files beside it.

Made of the suite's rows alone, so that it can be made anew from a file of results. It must be understood without the
code: what was measured, on which machine, what the axes mean, what limits. Owns the page; does not own what is said of
each part (bench/parts.py) nor the pictures (bench/plots.py). Well-formed XML too, which a test relies on.
Read next: bench/parts.py.
"""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from bench import plots
from bench.figures import Row
from bench.parts import PARTS, Goal, Part
from bench.report import flat
from bench.scale import LIMITS

REPORT = "report.html"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #22282d; max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem } h2 { font-size: 1.25rem; margin-top: 2.6rem; padding-top: 1.2rem }
h2 { border-top: 1px solid #dde2e6 }
img { max-width: 100%; height: auto } p { max-width: 50rem } dt { font-weight: 600 } dd { margin: 0 0 .5rem 1.2rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: .85rem; margin: .8rem 0 }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #e3e6e8; text-align: left; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } th { font-weight: 600 }
.note { background: #fff4e0; border-left: 4px solid #d9822b; padding: .4rem .8rem }
.yes { color: #2c7a4b } .no { color: #c23b22 }
"""
WORDS = (
    ("a second", "Requests answered in a second: the median of the runs, with the least and the best run beside it."),
    ("p50, p99", "Half, and 99 of 100, of the requests were answered within this time, as the client saw it."),
    (
        "CPU µs a request",
        "Processor time that all servers together (with their helper processes) used for one request, in microseconds. "
        "It depends little on who else used the machine, throughput does much.",
    ),
    (
        "cores of the client",
        "How much of one core the load generator itself used. It shares the machine with the servers.",
    ),
    (
        "cores of other programs",
        "How many cores were busy with neither servers nor client. Where that is not near 0 the machine was shared, so "
        "that throughput and latency say less than CPU a request.",
    ),
    (
        "ratio",
        "Argosy's figure over the peer's, run by run, as both were measured in turns: the median, and for throughput "
        "the least and the best. Throughput above 1 is faster; latency and CPU below 1 are cheaper.",
    ),
    (
        "range, replica",
        "A range is a span of keys, kept three times: a replica each on three nodes, one of which leads.",
    ),
)


def write(folder: Path, rows: Sequence[Row]) -> Path:
    """Write the report and its pictures into a folder; where the report is."""
    pictures = {}
    for part in PARTS:
        figure = part.draw(_of(part, rows))
        if figure is not None:
            pictures[part.name] = plots.png(figure)
            (folder / f"{part.name}.png").write_bytes(pictures[part.name])
    path = folder / REPORT
    path.write_text(page(rows, pictures), encoding="utf-8")
    return path


def page(rows: Sequence[Row], pictures: dict[str, bytes]) -> str:
    """The whole file."""
    about: Row = next((row["about"] for row in rows if "about" in row), {})
    shown = [part for part in PARTS if any(row.get("part") == part.name for row in rows)]
    body = [
        "<h1>Argosy, measured</h1>",
        _paragraph("Argosy is a distributed, transactional, ordered key-value database in Python. This page says "
                   "what it did on one machine, what that cost, and how it compares. Everything ran there: nodes, "
                   "peers and the load share its cores, over the loopback network. Every commit was synced to disk, "
                   "and every value read was verified."),
        _facts(about),
        _summary(shown, rows),
        "<h2>How to read this</h2>",
        "<dl>" + "".join(f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in WORDS) + "</dl>",
        _paragraph("In pictures a bar or line is the median, which the number above a bar tells; each dot is a run."),
        *(_section(part, rows, pictures.get(part.name)) for part in shown),
    ]  # fmt: skip
    head = f'<meta charset="utf-8" /><title>Argosy, measured</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{chr(10).join(body)}\n</body></html>\n'


def _of(part: Part, rows: Iterable[Row]) -> list[Row]:
    """The part's rows with figures."""
    return [row for row in rows if row.get("part") == part.name and "note" not in row]


def _facts(about: Row) -> str:
    machine, versions = about.get("machine", {}), about.get("versions", {})
    facts = [
        ("when", about.get("time", "")),
        ("machine", f"{machine.get('processor', '')}, {machine.get('cores', '')} cores, "
                    f"{machine.get('memory_gib', '')} GiB of memory, {machine.get('system', '')}"),
        ("versions", ", ".join(f"{name} {text}" for name, text in versions.items())),
        ("command", f"python -m bench {about.get('command', '')}: "
                    + ", ".join(f"{name} {value}" for name, value in about.get("parameters", {}).items())),
    ]  # fmt: skip
    return _table(("", ""), [[name, text] for name, text in facts])


def _summary(parts: Sequence[Part], rows: Sequence[Row]) -> str:
    """The ratios of all parts with their spread, and whether goals were reached."""
    cells: list[list[Any]] = []
    for part in parts:
        for row in _of(part, rows):
            if "ratio" not in row:
                continue
            name = "per_cpu_second" if "per_cpu_second" in row else "per_second"
            shape = row["shape"]
            form = (
                f", {shape['connections']} × {shape['inflight']}" if "inflight" in shape and "ranges" in shape else ""
            )
            what = "throughput" if name == "per_second" else "requests for each CPU second"
            spread = f"{row.get(f'{name}_min', '')} to {row.get(f'{name}_max', '')}"
            cpu = row.get("cpu_us_per_request_all", "")
            cells.append([part.title, f"{row['operation']}{form}", row["ratio"], what, row[name], spread, cpu])
    found = "<h2>In short</h2>"
    if cells:
        heads = ("part", "operation", "ratio", "of", "median", "runs, least to best", "CPU a request")
        found += _table(heads, cells)
    goals = [_goal(goal, rows) for part in parts for goal in part.goals]
    return found + "".join(goals)


def _goal(goal: Goal, rows: Sequence[Row]) -> str:
    row = next((row for row in rows if "ratio" in row and row["operation"] == goal.operation), None)
    text = f"Goal: at least {goal.least:g} {goal.text}. "
    if row is None:
        return f"<p>{escape(text)}Not measured.</p>"
    reached = row[goal.figure] >= goal.least
    word = "reached" if reached else "missed"
    return f'<p>{escape(text)}<b class="{"yes" if reached else "no"}">{row[goal.figure]:g}: {word}.</b></p>'


def _section(part: Part, rows: Sequence[Row], picture: bytes | None) -> str:
    mine = _of(part, rows)
    pieces = [f'<h2 id="{part.name}">{escape(part.title)}</h2>', *map(_paragraph, part.text)]
    notes = [row["note"] for row in rows if row.get("part") == part.name and "note" in row]
    pieces += [f'<p class="note">{escape(note)}</p>' for note in notes]
    if picture is not None:
        text = base64.b64encode(picture).decode("ascii")
        pieces.append(f'<p><img alt="{escape(part.title)}" src="data:image/png;base64,{text}" /></p>')
    limits = sorted({row["limit"] for row in mine if "limit" in row})
    pieces += [_paragraph(f"What limits, where it says “{each}”: {LIMITS[each]}.") for each in limits]
    if mine:
        columns = {name: head for name, head in part.columns.items() if any(name in flat(row) for row in mine)}
        lines = [flat(row) for row in mine]
        table = [[line.get(name, "") for name in columns] for line in lines if any(name in line for name in columns)]
        pieces.append(_table(tuple(columns.values()), table))
    return "\n".join(pieces)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    first = f"<thead><tr>{top}</tr></thead>" if any(heads) else ""
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f'<div class="scroll"><table>{first}<tbody>{body}</tbody></table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(f"{each:,}" if isinstance(each, int | float) else str(each) for each in value)
    if isinstance(value, int | float):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"
