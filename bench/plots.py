"""The pictures of the report, one function for each kind, from rows to a figure.

Owns colours and forms: the same peer has the same colour everywhere, a bar is a median, and each run is a dot. Does not
own what is shown where (bench/parts.py). The only importer of matplotlib. Read next: bench/page.py.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures import Row

COLOURS = {"argosy": "#1f5f8b", "etcd": "#d9822b", "sqlite3": "#7a8b99", "lmdb": "#4c9f70"}
LIGHT, MIDDLE, DARK = "#9dc3de", "#1f5f8b", "#c23b22"
SPANS = {"split": "#4c9f70", "move": "#d9822b", "kill": "#c23b22", "join": "#7a5195"}
DOTS_PER_INCH = 110
WIDTH, HEIGHT = 10.0, 4.0  # inches


def png(figure: Figure) -> bytes:
    """The picture as a file."""
    out = BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _figure(panels: int, height: float = HEIGHT, **more: Any) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False, **more)[0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(axis="y", color="#e3e6e8", linewidth=0.8)
        each.set_axisbelow(True)
        each.tick_params(labelsize=9)
    return figure, axes


def _label(axes: Axes, title: str, across: str = "") -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(across, fontsize=9)


def _legend(figure: Figure, axes: Axes) -> None:
    """Below the panels, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9, frameon=False)


def _plain_numbers(axes: Axes) -> None:
    """Of a logarithmic axis: 1, 2, 5, 10, and no powers."""
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:,.10g}" if f"{value:e}"[:4] in ("2.00", "5.00") else "")


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value / 1000:.1f}k" if value >= 1_000 else f"{value:.3g}"


def _bars(
    axes: Axes, groups: Sequence[str], series: dict[str, list[Row | None]], figure: str, unit: float = 1.0
) -> None:
    """A group of bars for each name in `groups`, one bar of it for each series; dots for the runs. In units."""
    width = 0.8 / len(series)
    for place, (name, rows) in enumerate(series.items()):
        for at, row in enumerate(rows):
            if row is None:
                continue
            across = at - 0.4 + width * (place + 0.5)
            middle, runs = row[figure] / unit, [each / unit for each in row["runs"].get(figure, [row[figure]])]
            first = name if at == next(spot for spot, each in enumerate(rows) if each is not None) else None
            axes.bar(across, middle, width * 0.92, color=COLOURS.get(name, MIDDLE), label=first)
            axes.scatter([across] * len(runs), runs, s=12, color="#222222", zorder=3)
            top = max(runs)
            axes.annotate(_number(middle), (across, top), (0, 4), textcoords="offset points", ha="center", fontsize=8.5)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.margins(y=0.15)


def _by_peer(rows: Sequence[Row]) -> tuple[list[str], dict[str, list[Row | None]]]:
    """Rows of peers as they come: those of one measurement follow each other, ours first."""
    groups: list[list[Row]] = []
    for row in rows:
        if row.get("peer") == "argosy":
            groups.append([])
        if "peer" in row:
            groups[-1].append(row)
    peers = list(dict.fromkeys(row["peer"] for group in groups for row in group))
    series: dict[str, list[Row | None]] = {
        peer: [next((row for row in group if row["peer"] == peer), None) for group in groups] for peer in peers
    }
    return [_group_name(group) for group in groups], series


def _group_name(group: Sequence[Row]) -> str:
    shape = group[0]["shape"]
    if "inflight" in shape:
        return f"{group[0]['operation']}, {shape['connections']} × {shape['inflight']}"
    return "\n".join(f"{row['peer']}: {row['operation']}" for row in group)


def beside(rows: Sequence[Row]) -> Figure:
    """Throughput, latency and cost of Argosy and a peer."""
    figure, (left, middle, right) = _figure(3, width_ratios=(1, 1, 1))
    groups, series = _by_peer(rows)
    short = [each.replace(", ", "\n") for each in groups]
    _bars(left, short, series, "per_second")
    _label(left, "Requests a second\n(more is better)")
    _bars(middle, short, series, "cpu_us_per_request_all")
    _label(middle, "CPU µs a request, all servers\n(less is better)")
    _bars(right, short, series, "p50_us", 1_000)
    _label(right, "Median latency, ms\n(less is better)")
    _legend(figure, left)
    return figure


EMBEDDED = {"embedded-get": "point gets", "embedded-put": "durable puts", "sql-load": "load (rows)"}


def embedded(rows: Sequence[Row]) -> Figure:
    """Operations a second of each store, on a logarithmic axis."""
    figure, (axes,) = _figure(1, 3.6)
    groups, series = _by_peer(rows)
    axes.set_yscale("log")
    names = [row["operation"] for row in rows if row.get("peer") == "argosy"]
    _bars(axes, [EMBEDDED.get(each, each.removeprefix("sql-")) for each in names], series, "per_second")
    _label(axes, "Operations a second, one thread; logarithmic (more is better)")
    axes.set_ylim(bottom=min(row["per_second_min"] for row in rows if "peer" in row) / 3)
    _plain_numbers(axes)
    _legend(figure, axes)
    assert len(groups) == len(names), "a group for each operation"
    return figure


def ycsb(rows: Sequence[Row]) -> Figure:
    """Throughput of each mix, and the latencies of its operations."""
    figure, (left, right) = _figure(2, 4.4, width_ratios=(1, 1.35))
    names = [row["operation"].removeprefix("ycsb-") for row in rows]
    _bars(left, names, {"argosy": list(rows)}, "per_second")
    _label(left, "Operations a second (more is better)\nE: scans of 50 records on average", "mix")
    ticks: list[tuple[float, str]] = []
    spot = 0.0
    for name, row in zip(names, rows, strict=True):
        for operation, spread in row["by_operation"].items():
            low, high = spread["p50_us"] / 1000, spread["p99_us"] / 1000
            right.plot([spot, spot], [low, high], color=LIGHT, linewidth=5, solid_capstyle="round", zorder=1)
            right.scatter([spot], [low], s=36, color=MIDDLE, zorder=3, label="p50" if not ticks else None)
            right.scatter([spot], [high], s=36, color=DARK, zorder=3, label="p99" if not ticks else None)
            ticks.append((spot, f"{name}\n{operation}"))
            spot += 1.0
        spot += 0.6
    right.set_yscale("log")
    right.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
    _plain_numbers(right)
    _legend(figure, right)
    _label(right, "Latency, ms; logarithmic (less is better)\n", "mix and operation")
    right.tick_params(axis="x", labelsize=8)
    return figure


def scale(rows: Sequence[Row]) -> Figure:
    """What a CPU second does, who used the cores, and the latencies, by the number of nodes."""
    figure, (left, middle, right) = _figure(3)
    sized = [row for row in rows if "nodes" in row["shape"]]
    sizes = [row["shape"]["nodes"] for row in sized]
    medians = [row["per_cpu_second"] for row in sized]
    runs = [row["runs"]["per_cpu_second"] for row in sized]
    errors = [
        [middle_of - min(each) for middle_of, each in zip(medians, runs, strict=True)],
        [max(each) - middle_of for middle_of, each in zip(medians, runs, strict=True)],
    ]
    left.errorbar(sizes, medians, errors, marker="o", color=MIDDLE, capsize=3, label="median, least and best run")
    base = next((value for size, value in zip(sizes, medians, strict=True) if size == 3), None)
    if base is not None:
        left.axhline(0.8 * base, color=DARK, linestyle="--", linewidth=1, label="0.8 of three nodes")
    left.set_ylim(0, max(max(each) for each in runs) * 1.2)
    _label(left, "Requests for each CPU second\nof the nodes (more is better)", "nodes")
    left.legend(fontsize=8, frameon=False, loc="lower left")
    floor = [0.0] * len(sized)
    for name, text, colour in (
        ("cores_of_nodes", "nodes", MIDDLE),
        ("cores_of_load", "load generator", LIGHT),
        ("cores_of_others", "other programs", "#c9ced2"),
    ):
        values = [row[name] for row in sized]
        middle.bar(sizes, values, 1.2, bottom=floor, color=colour, label=text)
        floor = [under + value for under, value in zip(floor, values, strict=True)]
    cores = sized[0]["cores"]
    middle.axhline(cores, color="#222222", linewidth=1, linestyle=":")
    middle.set_ylim(0, cores * 1.45)
    _label(middle, f"Cores in use, of {cores}\n", "nodes")
    middle.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
    for figure_name, colour in (("p50_us", MIDDLE), ("p99_us", DARK)):
        values = [row[figure_name] / 1000 for row in sized]
        right.plot(sizes, values, marker="o", color=colour, label=figure_name[:3])
    right.set_ylim(0)
    _label(right, "Latency when full, ms\n(less is better)", "nodes")
    right.legend(fontsize=8, frameon=False)
    for each in (left, middle, right):
        each.set_xticks(sizes)
    return figure


def events(rows: Sequence[Row]) -> Figure:
    """Latency of each tenth of a second, and what was done to the cluster then."""
    figure, (axes,) = _figure(1, 4.8)
    whole = next(row for row in rows if row["operation"] == "events")
    line = whole["timeline"]
    at = [each["at"] for each in line]
    for name, colour, width in (("max_us", "#b9c2c9", 1.0), ("p99_us", DARK, 1.2), ("p50_us", MIDDLE, 1.6)):
        values = [max(each[name], 1) / 1000 for each in line]
        axes.plot(at, values, color=colour, linewidth=width, label=name.removesuffix("_us"))
    axes.set_yscale("log")
    _plain_numbers(axes)
    top = max(each["max_us"] for each in line) / 1000
    axes.set_ylim(top=top * 6)
    for each in whole["events"]:
        if each["name"] not in SPANS:
            continue
        colour = SPANS[each["name"]]
        axes.axvspan(each["begin"], max(each["end"], each["begin"] + 0.05), color=colour, alpha=0.16, linewidth=0)
        axes.axvline(each["begin"], color=colour, linewidth=1.2)
        text = f"{each['name']}\n{each['end'] - each['begin']:.1f} s"
        axes.annotate(text, (each["begin"], top * 5.4), (3, 0), textcoords="offset points", va="top", fontsize=9)
    for each in whole["failed"]:
        axes.plot(each["at"], top * 1.2, marker="x", color=DARK, markersize=6)
    axes.set_xlim(0, at[-1] + 0.1)
    _label(
        axes, "Latency of requests due in each 100 ms, ms; logarithmic", "seconds; shaded: until the event was complete"
    )
    _legend(figure, axes)
    return figure


PICTURES: dict[str, Callable[[Sequence[Row]], Figure]] = {
    "beside": beside,
    "ycsb": ycsb,
    "scale": scale,
    "events": events,
    "embedded": embedded,
}
