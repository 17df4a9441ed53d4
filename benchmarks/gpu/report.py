"""Turns a benchmark's result into tables that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def text(result: dict[str, Any]) -> str:
    """Give the whole report."""
    return "\n".join(_lines(result))


def _lines(result: dict[str, Any]) -> Iterator[str]:
    environment = result["environment"]
    yield f"{environment.get('gpu', environment['cpu'])}  " + "  ".join(
        f"{name} {environment[name]}" for name in ("torch", "triton", "cuda", "commit") if environment[name]
    )
    if result["no_triton"]:
        yield f"no Triton kernels: {result['no_triton']}"
    yield from _agreement(result)
    for name, rows in result.get("stages", {}).items():
        yield f"\nstages, {name} (copy: {result['copy_gb_per_second']:.0f} GB/s)"
        yield f"  {'':14}{'us/window':>11}{'MB':>9}{'MFLOP':>9}{'GB/s':>9}{'of copy':>9}"
        for stage, row in rows.items():
            yield (
                f"  {stage:14}{row['us_per_window']:11.2f}{row['mb_per_window']:9.2f}"
                f"{row['mflop_per_window']:9.2f}{row['gb_per_second']:9.0f}{row['share_of_copy']:9.0%}"
            )
    if "on_device" in result:
        yield "\nsongs a second, windows on the device, by batch"
        for name, by_batch in result["on_device"].items():
            cells = "  ".join(f"{batch}: {row['songs_per_second']:,.0f}" for batch, row in by_batch.items())
            yield f"  {name:24}{cells}"
        yield "\nsongs a second, windows in host memory"
        for name, rows in result["from_host"].items():
            cells = "  ".join(f"{memory}: {row['songs_per_second']:,.0f}" for memory, row in rows.items())
            yield f"  {name:24}{cells}"
        yield "\none song alone, ms"
        for name, row in result["one_song"].items():
            cells = "  ".join(f"{cut} {1e3 * row[cut]:.2f}" for cut in ("p50", "p95", "p99"))
            yield f"  {name:24}{cells}"
    if result["imported_unwanted"]:
        yield f"\nimported, and absent from a bare machine: {', '.join(result['imported_unwanted'])}"
    yield f"\n{'passed' if result['passed'] else 'FAILED'}"


def _agreement(result: dict[str, Any]) -> Iterator[str]:
    yield "\nagainst librosa: furthest feature in standard deviations (tempo equal)"
    for name, entry in result["parity"].items():
        yield f"  {name}: {'passed' if entry['passed'] else 'FAILED'}"
        for kind, row in entry["kinds"].items():
            flag = "" if row["passed"] else f"  FAILED, limit {row['limit_sd']:.0e}"
            tempo = f"({row['tempo_equal']:.2f})"
            yield f"    {kind:10}{row['n']:3}  {row['max_sd']:.1e} {tempo} {row['worst']}{flag}"
    if "kernels" in result:
        yield "\nTriton against torch on the same input"
        for name, row in result["kernels"].items():
            same = "same bits" if row["bits_equal"] else f"{row['largest']:.1e}"
            yield f"  {name:14}{same}{'' if row['passed'] else '  FAILED'}"
