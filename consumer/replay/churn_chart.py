"""Turns spreads of confidence into drawings: where each bar and mark goes, in user units of SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from consumer.replay.churn_report import Confidence, Spread

WIDTH: Final = 520.0
HEIGHT: Final = 190.0
_LEFT: Final = 8.0
_RIGHT: Final = 8.0
_TOP: Final = 22.0
_BOTTOM: Final = 28.0
_TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin of a histogram."""

    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True, slots=True)
class Series:
    """One histogram: its name in the style sheet, bars, and where its mean is."""

    kind: str
    bars: tuple[Bar, ...]
    mean_x: float
    mean: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A number below the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: what it shows, its histograms and its axis."""

    title: str
    series: tuple[Series, ...]
    ticks: tuple[Tick, ...]
    axis_y: float
    zero_x: float | None
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Row:
    """A row of figures below the drawings."""

    name: str
    spread: Spread
    signed: bool


def draw(confidence: Confidence) -> tuple[Chart, ...]:
    """Draw confidence before and after over each other, and what each track gains or loses."""
    both = (confidence.before, confidence.after)
    most = max(max(spread.histogram) for spread in both)
    return (
        _chart(
            "Confidence before and after",
            tuple(
                _series(kind, spread, most=most, signed=False)
                for kind, spread in zip(("before", "after"), both, strict=True)
            ),
            confidence.before,
        ),
        _chart(
            "What each track gains or loses",
            (_series("shift", confidence.shift, most=max(confidence.shift.histogram), signed=True),),
            confidence.shift,
        ),
    )


def legend_of(confidence: Confidence) -> tuple[Row, ...]:
    """Give the figures that belong to the drawings."""
    return (
        Row("before", confidence.before, signed=False),
        Row("after", confidence.after, signed=False),
        Row("shift", confidence.shift, signed=True),
    )


def _chart(title: str, series: tuple[Series, ...], spread: Spread) -> Chart:
    numbers = [spread.low + (spread.high - spread.low) * n / (_TICKS - 1) for n in range(_TICKS)]
    signed = spread.low < 0
    return Chart(
        title,
        series,
        ticks=tuple(Tick(_x(number, spread), _text(number, signed=signed)) for number in numbers),
        axis_y=HEIGHT - _BOTTOM,
        zero_x=_x(0.0, spread) if signed else None,
    )


def _series(kind: str, spread: Spread, *, most: int, signed: bool) -> Series:
    n_bins = len(spread.histogram)
    width = (WIDTH - _LEFT - _RIGHT) / n_bins
    room = HEIGHT - _TOP - _BOTTOM
    step = (spread.high - spread.low) / n_bins
    bars = []
    for number, tracks in enumerate(spread.histogram):
        height = room * tracks / most if most else 0.0
        low = spread.low + number * step
        between = f"{_text(low, signed=signed)} to {_text(low + step, signed=signed)}"
        says = f"{kind}: {between}: {tracks:,} tracks"
        bars.append(
            Bar(round(_LEFT + number * width, 2), round(HEIGHT - _BOTTOM - height, 2), width, height, says)
        )
    mean = f"mean {_text(spread.mean, signed=signed, digits=3)}"
    return Series(kind, tuple(bars), round(_x(spread.mean, spread), 2), mean)


def _x(number: float, spread: Spread) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (number - spread.low) / (spread.high - spread.low)


def _text(number: float, *, signed: bool, digits: int = 2) -> str:
    number = round(number, digits) + 0.0  # no negative zero
    text = f"{number:+.{digits}f}" if signed and number else f"{number:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")
