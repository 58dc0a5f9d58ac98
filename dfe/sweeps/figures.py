"""Figures of a sweep: each measured number over the parameter, in small multiples."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from dfe.files import atomic
from dfe.sweeps.numbers import Group
from dfe.sweeps.points import Sweep, value_text

Kind = Literal["lines", "points", "heat"]
PANELS = {"lines": 12, "points": 12, "heat": 6}  # at most so many in one figure
_COLUMNS = {"lines": 4, "points": 4, "heat": 2}
_SIZES = {"lines": (2.4, 2.1), "points": (2.4, 2.3), "heat": (4.2, 2.8)}  # of a panel, inches
_LETTERS = 24  # of the name of an axis, in a line
_LOG = 50  # positive values that span a larger factor are drawn on a logarithmic axis
_TICKS = 8  # more values than this are not all written at the axis


class Chart(NamedTuple):
    """One figure: a group of numbers over the swept parameters; `path` is under the sweep's."""

    group: Group
    path: str

    def drawn(self, sweep: Sweep) -> list[str]:
        """Items that have a panel."""
        return list(self.group.items)[: PANELS[kind_of(sweep)]]


def kind_of(sweep: Sweep) -> Kind:
    """Lines over one numeric parameter, a heatmap over two parameters, points otherwise."""
    if len(sweep.swept) == 2:
        return "heat"
    return "lines" if len(sweep.swept) == 1 and sweep.numeric(sweep.swept[0]) else "points"


def draw(sweep: Sweep, chart: Chart, target: Path) -> None:
    """Write a figure as PNG, in the style of the notebooks."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    kind, items = kind_of(sweep), chart.drawn(sweep)
    columns = min(len(items), _COLUMNS[kind])
    rows = math.ceil(len(items) / columns)
    width, height = _SIZES[kind]
    style = sns.axes_style("whitegrid") | sns.plotting_context("paper", font_scale=1.1)
    with plt.rc_context(style), sns.color_palette("deep"):
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(max(width * columns, 3.6), height * rows + 0.4),
            sharex=kind != "heat",
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for at, panel in enumerate(axes.flat):
            if at < len(items):
                panel.set_title(textwrap.fill(items[at], _LETTERS))
                _panel(sweep, chart, items[at], panel)
            else:
                panel.set_visible(False)
        _name_axes(sweep, chart.group, figure)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic(target) as temporary:
            figure.savefig(temporary, dpi=160)
        plt.close(figure)


def _name_axes(sweep: Sweep, group: Group, figure: Any) -> None:
    axis = textwrap.fill(group.axis, _LETTERS)
    if kind_of(sweep) == "heat":
        figure.supylabel(sweep.swept[0], fontsize="medium")
        figure.supxlabel(sweep.swept[1], fontsize="medium")
        figure.suptitle(axis, fontsize="medium")
    else:
        figure.supxlabel(", ".join(sweep.swept), fontsize="medium")
        figure.supylabel(axis, fontsize="medium")


def _panel(sweep: Sweep, chart: Chart, item: str, panel: Any) -> None:
    if kind_of(sweep) == "heat":
        _heat(sweep, chart, item, panel)
        return
    frame = _frame(sweep, chart.group, item)
    lines = kind_of(sweep) == "lines"
    panel.grid(visible=False, axis="x")  # it would run along the intervals
    x = frame["x"] if lines else pd.Series(range(len(frame)))
    panel.vlines(x, frame["low"], frame["high"], color="C0", alpha=0.6, linewidth=1.6)
    panel.plot(x, frame["value"], marker="o", markersize=4, linestyle="-" if lines else "none")
    if not lines:
        panel.set_xticks(x, frame["x"], rotation=30, ha="right", rotation_mode="anchor")
        panel.margins(x=0.2)
        return
    values = frame["x"].tolist()
    if min(values) > 0 and max(values) / min(values) > _LOG:
        panel.set_xscale("log")
    if len(values) <= _TICKS:
        panel.set_xticks(values, [value_text(value) for value in values])
        panel.minorticks_off()


def _frame(sweep: Sweep, group: Group, item: str) -> pd.DataFrame:
    """Columns x, value, low and high of one item, sorted by x where it is a number."""
    lines = kind_of(sweep) == "lines"
    rows = []
    for point in sweep.points:
        given = [point.parameters[name] for name in sweep.swept]
        x = given[0] if lines else ", ".join(map(value_text, given))
        rows.append((x, *group.number(item, point.name)))
    frame = pd.DataFrame(rows, columns=["x", "value", "low", "high"])
    return frame.sort_values("x", ignore_index=True) if lines else frame


def _heat(sweep: Sweep, chart: Chart, item: str, panel: Any) -> None:
    import seaborn as sns

    group, (first, second) = chart.group, sweep.swept
    numbers = [group.number(i, p.name).value for i in chart.drawn(sweep) for p in sweep.points]
    finite = [number for number in numbers if not math.isnan(number)]
    ends = {"vmin": min(finite), "vmax": max(finite)} if finite else {}
    rows, columns = ([value_text(v) for v in sweep.values(n)] for n in (first, second))
    values = pd.DataFrame(math.nan, index=rows, columns=columns)
    texts = pd.DataFrame("", index=rows, columns=columns)
    for point in sweep.points:
        place = tuple(value_text(point.parameters[name]) for name in (first, second))
        values.loc[place] = group.number(item, point.name).value
        texts.loc[place] = group.text(item, point.name).partition(" ")[0]
    sns.heatmap(values, annot=texts, fmt="", cmap="crest", ax=panel, cbar=False, **ends)
    panel.tick_params(rotation=0)
