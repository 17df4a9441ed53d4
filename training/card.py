"""Turns what a training run found into the model's `CARD.md`, written so that nobody is fooled by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np

from modelzoo.manifest import Manifest, Measurement
from training.calibrate import outcome
from training.datasets import DefaultData
from training.evaluate import Outcome, TrackScores, confusion, risk_at
from training.windows import LabelledWindows

_THRESHOLDS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_PROTOCOLS = {
    "random_windows": "random windows, 30% of GTZAN: windows of one track on both sides, so it **leaks**",
    "grouped_by_track": "grouped by track, 30% of GTZAN: replicas, one artist or album may be on both sides",
    "fault_filtered": "**fault-filtered, artist-disjoint: the one to believe**",
}
_AUDIO = {
    "audio_gtzan_tracks": "30-second test tracks as audio, the service's own decoder and featurizer",
    "audio_gtzan_snippets": "2-to-3-second test snippets as audio (one window each, repeated to fill it)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a card is written from.

    Attributes
    ----------
    manifest : Manifest
        The model's own description.
    data : DefaultData
        What it was fitted on and tested on.
    about : tuple of str
        What kind of model it is, a paragraph each.
    recipe : Mapping of str to str or float
        Names and values that the fit went by.
    extra_weight : float
        How much a window of the second collection counted in the fit, where GTZAN's counted 1.
    held_out : TrackScores
        Fitting tracks, each scored by a model that had not heard its artist.
    test : TrackScores
        Test tracks from the table, scored by the exported model.
    heard : Mapping of str to TrackScores
        Test tracks from audio by name of the folder, scored by the exported model.
    command : str
        Makes the artifact again.
    """

    manifest: Manifest
    data: DefaultData
    about: tuple[str, ...]
    recipe: Mapping[str, str | float]
    extra_weight: float
    held_out: TrackScores
    test: TrackScores
    heard: Mapping[str, TrackScores]
    command: str


def write_card(report: Report) -> str:
    """Write a card in Markdown."""
    sections = (
        _head(report),
        _accuracy(report),
        _by_genre(report),
        _confusion(report),
        _calibration(report),
        _weaknesses(report),
        _data(report),
        _reproduce(report),
    )
    return "\n\n".join(sections) + "\n"


def _head(report: Report) -> str:
    manifest = report.manifest
    return _blocks(
        f"# {manifest.name} {manifest.version}",
        f"Gives each 3-second window of music a probability for {len(manifest.genres)} genres "
        f"({', '.join(manifest.genres)}) from the {manifest.width} features of `{manifest.feature_set}`; a "
        "track's genre is the top of its windows' mean. One ONNX graph, raw features in, probabilities out.",
        *report.about,
        f"Feature fingerprint `{manifest.spec_fingerprint[:16]}`, model SHA-256 `{manifest.sha256[:16]}`.",
    )


def _accuracy(report: Report) -> str:
    metrics = report.manifest.metrics
    rows = [
        (title, *(_figure(metrics[protocol][level]) for level in ("window_accuracy", "track_accuracy")))
        for protocol, title in {**_PROTOCOLS, **_AUDIO}.items()
        if protocol in metrics
    ]
    n_tracks = metrics["fault_filtered"]["track_accuracy"].n
    return _blocks(
        "## Accuracy",
        _table(("protocol", "window", "track"), rows),
        "Mean ± standard deviation over seeds, each with its own fit (and its own draw of sides where "
        f"sides are drawn). One standard error from the choice of {n_tracks} tracks is about "
        f"{100.0 * np.sqrt(0.25 / n_tracks):.1f} points more. The exported model is that of the first "
        "seed, chosen before any was measured; the rows from audio are its own. The recipe was chosen by "
        "folds of the training and validation artists, not by the test. Three protocols stand side by "
        "side because the first is the usual one and says little: a window's neighbours in the same track "
        "give it away.",
    )


def _by_genre(report: Report) -> str:
    genres = report.manifest.genres
    columns = {"table": report.test} | {f"audio, {name}": heard for name, heard in report.heard.items()}
    rows = [
        (genre, *(_right_of(scores, index) for scores in columns.values()))
        for index, genre in enumerate(genres)
    ]
    return _blocks(
        "## Test tracks that are right, by genre (exported model)",
        _table(("genre", *columns), rows),
        "The audio at hand covers the genres unevenly: where n is under ten the share says next to nothing.",
    )


def _confusion(report: Report) -> str:
    genres = report.manifest.genres
    counts = _counts(report)
    rows = [(genre, *(str(count) for count in counts[index])) for index, genre in enumerate(genres)]
    return _blocks(
        "## Confusion of the test tracks (rows: true, columns: predicted)", _table(("", *genres), rows)
    )


def _calibration(report: Report) -> str:
    manifest = report.manifest
    buckets = [
        (
            f"{bucket.min_windows} and more" if bucket.extrapolated else f"from {bucket.min_windows}",
            f"{bucket.temperature:.3f}",
            "extrapolated: no such track in the data" if bucket.extrapolated else "fitted",
        )
        for bucket in manifest.calibration
    ]
    held_out, test = (outcome(scores, manifest.calibration) for scores in (report.held_out, report.test))
    curve = [
        (f"{threshold:.2f}", *(_risk(threshold, found) for found in (held_out, test)))
        for threshold in sorted({*_THRESHOLDS, manifest.abstain.threshold})
    ]
    figures = {name: measurement.mean for name, measurement in manifest.metrics["calibration"].items()}
    at_test = risk_at(manifest.abstain.threshold, test)
    return _blocks(
        "## Confidence",
        "Confidence is the top genre's probability after a temperature for the track's number of windows, "
        f"fitted on {len(report.held_out.tracks)} training and validation tracks, each scored by a model "
        "that had not heard its artist.",
        _table(("windows", "temperature", ""), buckets),
        f"On the test tracks: expected calibration error {figures['ece']:.3f} (uncalibrated "
        f"{figures['ece_uncalibrated']:.3f}), Brier score {figures['brier']:.3f} (uncalibrated "
        f"{figures['brier_uncalibrated']:.3f}).",
        f"The model abstains below a confidence of **{manifest.abstain.threshold:.2f}**, the lowest from "
        f"which on at most {manifest.abstain.target_error:.0%} of the held-out tracks' labels are wrong. "
        f"On the test it labels {at_test.coverage:.0%} of the tracks, and {at_test.error:.0%} of these "
        "labels are wrong.",
        _table(("threshold", "held-out artists: labelled, wrong", "test: labelled, wrong"), curve),
    )


def _weaknesses(report: Report) -> str:
    genres, counts = report.manifest.genres, _counts(report)
    recall = counts.diagonal() / np.maximum(counts.sum(axis=1), 1)
    weak = [f"{genres[index]} ({recall[index]:.0%})" for index in np.argsort(recall) if recall[index] < 0.5]
    mistakes = counts - np.diag(counts.diagonal())
    worst = [divmod(int(place), len(genres)) for place in np.argsort(-mistakes, axis=None, kind="stable")[:5]]
    confused = [
        f"{genres[a]} taken for {genres[b]} ({mistakes[a, b]} of {counts[a].sum()})" for a, b in worst
    ]
    return _blocks(
        "## What it is bad at",
        "On the test tracks and by its making:",
        f"- Fewer than half of the test tracks are right in: {', '.join(weak) or 'no genre'}.",
        f"- Its most frequent mistakes: {'; '.join(confused)}.",
        f"- It knows {len(genres)} genres of mostly Western music recorded before 2001. Anything else "
        "(speech, folk, electronic or film music) gets one of them, often with confidence: low confidence "
        "is no test for a genre that it does not know.",
        "- Its features describe timbre and loudness of three seconds. It hears no melody, no words and "
        "no form, and an intro or silence is labelled like the rest.",
        "- Sources under 22,050 Hz (telephone, 16-kHz MP3) move the features that it relies on most.",
        "- Confidence was calibrated on tracks of up to ten windows; for longer ones it is extrapolated.",
    )


def _data(report: Report) -> str:
    data, dropped, described = report.data, report.data.dropped, report.manifest.training_data
    twins_left = len(data.lists.twins_of(data.lists.test) - data.lists.excluded)
    return _blocks(
        "## Data and licence",
        f"Fitted on {described.n_windows:,} windows of {described.n_tracks:,} tracks: GTZAN's training and "
        f"validation sides of the fault-filtered split ({_size(data.fitting)}) and a second collection "
        f"({_size(data.extra)}), whose windows weigh {report.extra_weight:g} of GTZAN's. Tested on "
        f"{_size(data.test)} of artists whom GTZAN's training part does not hold.",
        f"Kept from training: the test tracks; {dropped.excluded_tracks} faulty or replicated tracks (on "
        f"neither side); {dropped.twin_tracks} tracks known to be the same recording as a test track, all "
        f"but {twins_left} among the former; {dropped.near_copy_tracks} tracks of either collection with a "
        f"window almost equal to a test track's; {dropped.other_genre_windows:,} windows under other "
        f"genres and {dropped.repeated_windows} repeated ones. The second collection names no artists, so "
        "an artist of the test may be in it; a copy whose windows begin elsewhere in the recording would "
        "not be found either.",
        described.licence,
        f"`{described.id}`",
    )


def _reproduce(report: Report) -> str:
    numbers = ", ".join(
        f"{name} {value if isinstance(value, str) else format(value, 'g')}"
        for name, value in report.recipe.items()
    )
    return _blocks(
        "## To make it again",
        f"    {report.command}",
        "`DATA` holds `features/gtzan_3s.csv.gz`, `features/dsmusic_3s.csv.gz`, `gtzan_split/` and, for "
        "the figures from audio, `audio/`. The same seed gives the same model on the same kind of CPU.",
        f"Recipe: {numbers}.",
    )


def _counts(report: Report) -> np.ndarray:
    predicted = report.test.pooled.argmax(axis=1)
    return confusion(report.test.targets, predicted, n_genres=len(report.manifest.genres))


def _right_of(scores: TrackScores, genre: int) -> str:
    mine = scores.targets == genre
    if not mine.any():
        return "none"
    right = scores.pooled[mine].argmax(axis=1) == genre
    return f"{right.mean():.2f} (n={mine.sum()})"


def _risk(threshold: float, found: Outcome) -> str:
    point = risk_at(threshold, found)
    return f"{point.coverage:.0%}, {point.error:.0%}"


def _figure(measurement: Measurement) -> str:
    spread = f" ± {measurement.spread:.3f}" if measurement.seeds > 1 else ""
    return f"{measurement.mean:.3f}{spread} (n={measurement.n:,})"


def _size(table: LabelledWindows) -> str:
    return f"{len(table):,} windows of {len(table.track_names):,} tracks"


def _blocks(*blocks: str) -> str:
    # Tables and code keep their lines; prose is wrapped, for people who read the file as it is.
    return "\n\n".join(
        block if block.startswith(("|", "    ", "#")) else _wrap(block) for block in blocks
    ).replace("\n\n- ", "\n- ")


def _wrap(prose: str) -> str:
    indent = "  " if prose.startswith("- ") else ""
    return fill(prose, 110, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
