"""Charts as SVG without colours, fonts or scripts of their own: the page's style sheet dresses them.

Only this module names the chart library. Of what it draws only shapes and texts are kept, from a list; its comments
(which hold today's date), style sheets and scripts are not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final
from xml.etree import ElementTree as ET

from markupsafe import Markup

from scheduler_worker.printable_text import printable

WIDTH: Final = 760
LABEL_LETTERS: Final = 24
MOST_DOTTED: Final = 60  # then dots run into each other
MAJORS: Final = 12  # labels below a chart
LETTER_WIDTH: Final = 8  # of a digit of the style sheet's size, with room
_TAGS: Final = frozenset({"svg", "g", "rect", "path", "text", "circle"})
_NUMBERS: Final = frozenset({"x", "y", "width", "height", "cx", "cy", "r"})
_SHAPES: Final = frozenset({"d", "transform"})
_CLASSES: Final = re.compile(
    "axis|x|y|major|guide|guides|line|series|bars?|rect|value|plot|graph|dots?|color-[0-9]+", re.ASCII
)
_NUMBER: Final = re.compile(r"-?\d+\.\d+")
_DROPPED: Final = frozenset({"tooltip-overlay", "background", "titles"})

Series = Sequence[tuple[str, Sequence[int]]]


def bars(labels: Sequence[str], values: Sequence[int], *, told: Callable[[int], str]) -> Markup:
    """Return horizontal bars, the first on top, each with its value as `told` writes it."""
    pygal, style = _library()
    chart = pygal.HorizontalBar(
        **_settings(style, height=24 + 30 * len(labels)),
        margin_right=16 + LETTER_WIDTH * max(map(len, map(told, values))),
        print_values=True,
        print_values_position="top",
        show_x_guides=False,
        show_y_guides=False,
        show_x_labels=False,
        value_formatter=lambda value: told(int(value)),
    )
    chart.x_labels = [_label(label) for label in reversed(labels)]
    chart.add("", [_value(told, value, "") for value in reversed(values)])
    return _drawn(chart)


def stacked(labels: Sequence[str], series: Series, *, told: Callable[[int], str]) -> Markup:
    """Return columns, one a label, in which the series stand on each other; series are coloured in their order."""
    pygal, style = _library()
    chart = pygal.StackedBar(
        **_settings(style, height=280),
        show_minor_x_labels=len(labels) <= MAJORS,
        x_labels_major_every=-(-len(labels) // MAJORS),
        value_formatter=lambda value: told(int(value)) if value == int(value) else "",
    )
    chart.x_labels = list(labels)
    for name, values in series:
        chart.add(name, [_value(told, value, name) for value in values])
    return _drawn(chart)


def lines(labels: Sequence[str], series: Series, *, told: Callable[[int], str], top: int) -> Markup:
    """Return a line a series over the labels, on a scale from 0 to top."""
    pygal, style = _library()
    chart = pygal.Line(
        **_settings(style, height=280),
        range=(0, top),
        dots_size=2.5 if len(labels) <= MOST_DOTTED else 0.5,
        show_minor_x_labels=len(labels) <= MAJORS,
        x_labels_major_every=-(-len(labels) // MAJORS),
        value_formatter=lambda value: told(int(value)),
    )
    chart.x_labels = list(labels)
    for name, values in series:
        chart.add(name, [_value(told, value, name) for value in values])
    return _drawn(chart)


def _value(told: Callable[[int], str], value: int, label: str) -> dict[str, Any]:
    """Return a value with its text: made here of the whole number, as the library's own are floats."""
    return {"value": value, "label": label, "formatter": lambda _: told(value)}


def _library() -> tuple[Any, Any]:
    import pygal  # noqa: PLC0415 - other commands do without it
    from pygal.style import Style  # noqa: PLC0415

    # It stays in the way of every later import, of an interface that Python has dropped, for maps that we don't draw.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

    return pygal, Style(label_font_size=13, major_label_font_size=13, value_font_size=13)


def _settings(style: Any, *, height: int) -> dict[str, Any]:
    return {
        "width": WIDTH,
        "height": height,
        "style": style,
        "css": [],
        "js": [],
        "no_prefix": True,
        "show_legend": False,
        "margin": 8,
        "max_scale": 6,
        "truncate_label": -1,
        "no_data_text": "",
    }


def _label(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= LABEL_LETTERS else shown[: LABEL_LETTERS - 1] + "\u2026"


def _drawn(chart: Any) -> Markup:
    """Return the chart's shapes and texts, numbers to a tenth of a pixel."""
    drawn = chart.render_tree()
    found = _kept(drawn)
    assert found is not None, "the root is kept"
    found.set("viewBox", drawn.get("viewBox"))
    found.set("aria-hidden", "true")  # the figure names it, and a table says the same in words
    found.set("focusable", "false")
    return Markup(ET.tostring(found, encoding="unicode"))  # noqa: S704 - built of shapes from a list, texts escaped


def _kept(node: Any) -> ET.Element | None:
    """Return the node with what may stand on the page, and nothing else."""
    if not isinstance(node.tag, str) or node.tag not in _TAGS:
        return None
    classes = str(node.get("class", "")).split()
    if _DROPPED.intersection(classes):
        return None
    kept = ET.Element(node.tag)
    wanted = " ".join(name for name in classes if _CLASSES.fullmatch(name))
    if wanted:
        kept.set("class", wanted)
    for name in node.attrib:
        if name in _NUMBERS | _SHAPES:
            kept.set(name, _NUMBER.sub(lambda number: f"{float(number[0]):.1f}", node.attrib[name]))
    if node.tag == "text":
        kept.text = printable(node.text or "")
    told = _told(node)
    if told:
        ET.SubElement(kept, "title").text = printable(told)
    kept.extend(child for child in map(_kept, node) if child is not None)
    return None if node.tag == "g" and len(kept) == 0 else kept


def _told(node: Any) -> str:
    """Return what a bar or a dot stands for, as a pointer that rests on it is told."""
    found = {str(child.get("class")).split()[0]: child.text for child in node if child.tag == "desc"}
    return ", ".join(found[name] for name in ("x_label", "label", "value") if found.get(name))
