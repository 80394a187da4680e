"""A log-log chart as SVG, drawn by the library and given our classes, words and marks.

Everything has a class and no style of its own, so that the page's style sheet gives the colours, in dark and
in print too. The library is loaded when the first chart is drawn.
"""

from __future__ import annotations

import math
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from tenfold.model.forecast import Forecast, Moment
from tenfold.report.forecast_words import milliseconds_words, rows_words
from tenfold.report.outline import legible

if TYPE_CHECKING:
    from markupsafe import Markup

Unit = Literal["time", "cost"]
#: How a curve is drawn: among the first to look at, breaking later, not breaking, a budget.
Look = Literal["first", "later", "pale", "budget"]

#: Pixels between base lines of two labels, and between two ticks of the x axis.
LABEL_STEP, TICK_STEP = 14.0, 84.0
#: Rows must grow at least so between two points to place the points by rows.
LEAST_GROWTH = 1.005
# The library writes six and more decimals; a tenth of a pixel is enough.
_COORDINATES = frozenset(("d", "x", "y", "cx", "cy", "r", "width", "height", "transform"))
_NUMBER = re.compile(r"-?\d+\.\d+")


class Curve(msgspec.Struct, frozen=True):
    name: str
    look: Look
    #: (x, y), both above 0.
    points: tuple[tuple[float, float], ...]
    #: What a mouse shows for each point.
    titles: tuple[str, ...] = ()


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Size and margins in pixels, and which decades of the y axis have a tick."""

    width: int
    height: int
    right: int
    top: int
    bottom: int
    most_ticks: int
    dots: float


def _leave_imports_alone() -> None:
    """Takes out of the import system what the library puts in for maps, of a kind that Python gave up."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]


def draw(
    anchor: str,
    words: tuple[str, str],
    curves: Sequence[Curve],
    frame: Frame,
    places: Places,
    unit: Unit,
    annotate: Callable[[Canvas], None],
) -> Markup:
    from markupsafe import Markup
    from pygal import XY

    _leave_imports_alone()
    lowest, highest = _decades([y for curve in curves for _, y in curve.points])
    chart = XY(
        css=[],
        js=[],
        logarithmic=True,
        show_legend=False,
        truncate_label=-1,
        width=frame.width,
        height=frame.height,
        margin=6,
        margin_right=frame.right,
        margin_top=frame.top,
        margin_bottom=frame.bottom,
        show_x_labels=False,
        # The library leaves out a label at the very top.
        range=(10.0**lowest, 10.0**highest * 1.02),
        xrange=places.span,
    )
    chart.y_labels = [{"value": 10.0**k, "label": _tick(k, unit)} for k in _ticks(lowest, highest, frame)]
    for curve in curves:
        chart.add(curve.name, curve.points, show_dots=curve.look != "budget", dots_size=frame.dots)
    result: list[Element] = []

    def finish(root: Element) -> Element:
        # Here the chart still knows where it has put things.
        canvas = Canvas(root, chart, frame)
        canvas.axis(places)
        canvas.series(curves)
        annotate(canvas)
        result.append(canvas.document(anchor, *words))
        return root

    chart.add_xml_filter(finish)
    chart.render_tree()
    return Markup(tostring(result[0], encoding="unicode"))  # noqa: S704 tostring escapes


class Places:
    """Where the points are on the x axis: at their rows, or evenly spaced where the rows do not grow."""

    def __init__(self, forecast: Forecast) -> None:
        rows = [point.rows for point in forecast.points]
        self.by_rows = rows[0] > 0 and all(later > LEAST_GROWTH * sooner for sooner, later in pairwise(rows))
        self.x = tuple(rows) if self.by_rows else tuple(10.0**number for number in range(len(rows)))
        self._positions = [point.at.position for point in forecast.points]
        self.ticks = tuple(
            (x, point.label, f"{rows_words(point.rows)} rows")
            for x, point in zip(self.x, forecast.points, strict=True)
        )

    def of(self, moment: Moment) -> float:
        """Between two points as far, in logarithms, as it lies between them on the way."""
        after = bisect_right(self._positions, moment.position)
        if after == 0 or after == len(self.x):
            return self.x[0 if after == 0 else -1]
        sooner, later = self._positions[after - 1], self._positions[after]
        share = (moment.position - sooner) / (later - sooner)
        return float(self.x[after - 1] ** (1 - share) * self.x[after] ** share)

    @property
    def span(self) -> tuple[float, float]:
        first, last = self.x[0], self.x[-1]
        return (first, last) if last > first else (first / 2, first * 2)


def _decades(figures: Sequence[float]) -> tuple[int, int]:
    """Powers of ten around the figures."""
    lowest = math.floor(math.log10(min(figures, default=1.0)) + 1e-9)
    highest = math.ceil(math.log10(max(figures, default=1.0)) - 1e-9)
    return lowest, max(highest, lowest + 1)


def _ticks(lowest: int, highest: int, frame: Frame) -> range:
    step = math.ceil((highest - lowest + 1) / frame.most_ticks)
    return range(lowest, highest + 1, step)


def _tick(power: int, unit: Unit) -> str:
    if unit == "cost":
        return f"{10**power:,}" if 0 <= power < 5 else f"1e{power}"
    # Decades of milliseconds: whole seconds read better than minutes and hours here.
    return milliseconds_words(10.0**power) if power < 3 else f"{10 ** (power - 3):,} s"


class Canvas:
    """The plot of a chart that the library has drawn, to which ours is added in the same coordinates."""

    def __init__(self, root: Element, chart: Any, frame: Frame) -> None:
        self._chart, self._frame = chart, frame
        found = {each.get("class"): each for each in root.iter("g")}
        self._plot, self._overlay = found["plot"], found["plot overlay"]
        self.width, self.height = float(chart.view.width), float(chart.view.height)

    def place(self, x: float, y: float) -> tuple[float, float]:
        across, down = self._chart.view((x, y))
        return float(across), float(down)

    def axis(self, places: Places) -> None:
        """A guide at every point; a label where there is room, at the last one first."""
        axis = SubElement(self._plot, "g", {"class": "axis x"})
        ticks = [(self.place(x, self._bottom)[0], label, rows) for x, label, rows in places.ticks]
        labelled: list[float] = []
        for across, label, rows in [ticks[-1], *ticks[:-1]] if len(ticks) > 1 else ticks:
            self._path(axis, f"M{across:.1f} 0V{self.height:.1f}", "guide")
            if any(abs(across - other) < TICK_STEP for other in labelled):
                continue
            labelled.append(across)
            for line, text in enumerate((label, rows)):
                self._text(
                    axis, across, self.height + 15 + 13 * line, text, "tick" if line == 0 else "tick soft"
                )

    def series(self, curves: Sequence[Curve]) -> None:
        """The library's groups, by our classes, with what a mouse shows."""
        lines = [each for each in self._plot if (each.get("class") or "").startswith("series ")]
        dots = [each for each in self._overlay if (each.get("class") or "").startswith("series ")]
        for curve, line, dotted in zip(curves, lines, dots, strict=True):
            for group in (line, dotted):
                group.set("class", f"curve {curve.look}")
            line.insert(0, _titled(curve.name))
            circles = list(dotted.iter("circle"))
            dotted[:] = circles
            for circle, title in zip(circles, curve.titles, strict=False):
                circle.attrib.pop("class", None)
                circle.append(_titled(f"{curve.name}, {title}"))
            for path in line.iter("path"):
                path.attrib.pop("class", None)

    def caption(self, text: str) -> None:
        self._text(self._overlay, -self._left + 6, -16, text, "caption")

    def budget_label(self, budget: Curve) -> None:
        x, y = self.place(*budget.points[0])
        self._text(self._overlay, x + 6, y - 4, budget.name, "budget-label")

    def ring(self, x: float, y: float, title: str) -> None:
        across, down = self.place(x, y)
        ring = SubElement(
            self._overlay, "circle", {"class": "ring", "cx": _s(across), "cy": _s(down), "r": "4.5"}
        )
        ring.append(_titled(title))

    def change(self, x: float, text: str, title: str, number: int) -> None:
        across = self.place(x, self._bottom)[0]
        group = SubElement(self._overlay, "g", {"class": "change"})
        group.append(_titled(title))
        # Neighbours take turns in height, so that their letters do not cover each other.
        level = 10 + 12 * (number % 3)
        self._path(group, f"M{across:.1f} {level + 3}V{self.height:.1f}", "")
        self._text(group, across, level, text, "letter")

    def labels(self, named: Sequence[tuple[Curve, str]]) -> None:
        """Names at the right, apart from each other, each with a line to the end of its curve."""
        ends = [(self.place(*curve.points[-1]), curve, text) for curve, text in named if curve.points]
        room = int((self.height + LABEL_STEP) // LABEL_STEP)
        ends = sorted(ends[:room], key=lambda end: end[0][1])
        group = SubElement(self._overlay, "g", {"class": "labels"})
        left = self.width + 26
        for ((across, down), curve, text), y in zip(
            ends, _apart([end[0][1] for end in ends], self.height), strict=True
        ):
            self._path(group, f"M{across + 4:.1f} {down:.1f}L{left - 5:.1f} {y:.1f}", f"leader {curve.look}")
            self._text(group, left, y + 4, text, f"label {curve.look}")
        if left_out := len(named) - len(ends):
            self._text(group, left, self.height + 18, f"and {left_out} more", "label soft")

    def document(self, anchor: str, title: str, desc: str) -> Element:
        """What is kept of the library's document: its plot, without its styles, scripts and addresses."""
        root = Element(
            "svg",
            {
                "class": "chart",
                "viewBox": f"0 0 {self._frame.width} {self._frame.height}",
                "role": "img",
                "aria-labelledby": f"{anchor}-title {anchor}-desc",
            },
        )
        for tag, text in (("title", title), ("desc", desc)):
            SubElement(root, tag, {"id": f"{anchor}-{tag}"}).text = legible(text)
        for guides in self._plot.iter("g"):
            if "guides" in (guides.get("class") or ""):
                guides[:] = [each for each in guides if each.tag != "title"]
        root.extend((self._plot, self._overlay))
        for each in root.iter():
            for name in _COORDINATES & each.attrib.keys():
                each.set(
                    name,
                    _NUMBER.sub(
                        lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), each.get(name, "")
                    ),
                )
        return root

    @property
    def _left(self) -> float:
        return float(self._chart.margin_box.left)

    @property
    def _bottom(self) -> float:
        return float(self._chart.range[0])

    @staticmethod
    def _text(parent: Element, x: float, y: float, text: str, look: str) -> None:
        SubElement(parent, "text", {"x": _s(x), "y": _s(y), "class": look}).text = legible(text)

    @staticmethod
    def _path(parent: Element, d: str, look: str) -> None:
        SubElement(parent, "path", {"d": d} | ({"class": look} if look else {}))


def _titled(text: str) -> Element:
    title = Element("title")
    title.text = legible(text)
    return title


def _s(number: float) -> str:
    return f"{number:.1f}"


def _apart(heights: Sequence[float], bottom: float) -> Iterator[float]:
    """The heights, from the top down, moved as little as keeps LABEL_STEP between them and all in the plot.

    Neighbours that would touch form a block around the mean of where its members belong (pool adjacent
    violators).
    """
    blocks: list[list[float]] = []  # [sum of (height - place in the block), members]
    for height in heights:
        blocks.append([height, 1])
        while len(blocks) > 1 and _top(blocks[-2], bottom) + blocks[-2][1] * LABEL_STEP > _top(
            blocks[-1], bottom
        ):
            total, members = blocks.pop()
            blocks[-1][0] += total - blocks[-1][1] * members * LABEL_STEP
            blocks[-1][1] += members
    for block in blocks:
        yield from (_top(block, bottom) + number * LABEL_STEP for number in range(int(block[1])))


def _top(block: Sequence[float], bottom: float) -> float:
    """Of a block's first member: where the block is nearest to its members, inside the plot."""
    total, members = block
    return max(0.0, min(total / members, bottom - (members - 1) * LABEL_STEP))
