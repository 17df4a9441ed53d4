"""Turns a few numbers into made-up reports that look real: of tables, of images, of a little audio."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.training.report.made_up_parts import (
    GENRES,
    calibration_of,
    confusion,
    data,
    importances,
    leaks,
    steps,
)
from training.report.figures import (
    ModelFigures,
    Report,
)

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

Row = tuple[str, str, str, float | None, float | None, float, int, int]
# Name, title, input, the source report's accuracy; window accuracy on random windows and on honest terms;
# speed; parameters.
TABULAR: tuple[Row, ...] = (
    (
        "ensemble",
        "Ensemble of SVM, MLP robust and LightGBM",
        "features",
        None,
        0.951,
        0.575,
        2_100,
        9_411_000,
    ),
    ("mlp-robust", "MLP as the service runs it", "features", None, 0.903, 0.553, 610_000, 56_650),
    ("mlp-dropout", "MLP with dropout", "features", 0.93, 0.917, 0.512, 640_000, 56_650),
    ("mlp", "MLP, 4 layers", "features", 0.91, 0.911, 0.498, 640_000, 56_650),
    ("lstm", "LSTM over the features", "features", 0.87, 0.868, 0.431, 1_900, 84_106),
    ("lightgbm", "LightGBM", "features", 0.90, 0.894, 0.471, 24_000, 310_000),
    ("xgboost", "XGBoost", "features", 0.90, 0.899, 0.476, 31_000, 290_000),
    ("svm-rbf", "SVM, RBF kernel", "features", None, 0.934, 0.501, 5_300, 342_000),
    ("logistic", "Logistic regression", "features", None, 0.741, 0.489, 2_400_000, 580),
    ("lda", "Linear discriminant analysis", "features", None, 0.702, 0.481, 2_400_000, 580),
    ("knn-1", "Nearest neighbour", "features", None, 0.897, 0.392, 3_900, 342_512),
    ("track-svm", "SVM over whole tracks", "track", None, None, 0.579, 21_000, 51_000),
    ("track-logistic", "Logistic regression over whole tracks", "track", None, None, 0.538, 900_000, 1_150),
    ("track-lda", "LDA over whole tracks", "track", None, None, 0.572, 900_000, 1_150),
)
IMAGES: tuple[Row, ...] = (
    ("inception-v3", "Inception-v3", "image", 0.57, 0.552, 0.388, 21, 21_806_000),
    ("vgg16", "VGG16", "image", 0.66, 0.503, 0.361, 9, 134_301_000),
    ("resnet18", "ResNet18", "image", 0.78, 0.611, 0.442, 130, 11_181_642),
    ("resnet34", "ResNet34", "image", None, 0.603, 0.431, 71, 21_289_802),
    ("resnet50", "ResNet50", "image", None, 0.566, 0.402, 55, 23_528_522),
)


def tabular_report(*, rows: Sequence[Row] = TABULAR, quick: bool = False) -> Report:
    """Make up what a benchmark of two feature tables finds."""
    settings = (
        ("random_windows", False, 2_575, 1_000),
        ("grouped_by_track", False, 2_575, 300),
        ("fault_filtered", False, 2_480, 290),
        ("fault_filtered", True, 2_480, 290),
        ("validation", False, 1_700, 197),
        ("validation", True, 1_700, 197),
    )
    models = [
        figures_of(row, protocol=protocol, extra=extra, n_windows=windows, n_tracks=tracks)
        for row in rows
        for protocol, extra, windows, tracks in settings
        if not (row[2] == "track" and protocol == "random_windows")
    ]
    models += [
        ModelFigures(
            name=row[0],
            title=row[1],
            input=row[2],
            note=note_of(row),
            protocol="random_windows",
            extra=False,
            not_computable="a whole track cannot be on both sides",
        )
        for row in rows
        if row[2] == "track"
    ]
    return Report(
        created_at=MOMENT,
        command="genrestream-train benchmark --features gtzan_3s.csv.gz --extra-features dsmusic_3s.csv.gz "
        "--out DIR",
        quick=quick,
        seconds=2_031.4,
        machine={
            "processor": "Some CPU @ 2.50GHz",
            "processes": "2",
            "scikit-learn": "1.9.0",
            "torch": "2.11.0",
        },
        genres=GENRES,
        data=(
            data("gtzan_3s.csv.gz@0123456789ab", role="own", n_windows=8_584, n_tracks=1_000, n_dropped=41),
            data(
                "dsmusic_3s.csv.gz@ba9876543210",
                role="extra",
                n_windows=22_050,
                n_tracks=2_205,
                n_dropped=2_113,
            ),
        ),
        models=tuple(models),
        leaks=leaks(),
        steps=steps(),
        importance={"lightgbm": importances(shap=True), "mlp-dropout": importances(shap=False)},
    )


def image_report() -> Report:
    """Make up what a benchmark of one picture a track finds: no temperatures, no steps, three seeds."""
    settings = (
        ("random_windows", 300, 300),
        ("grouped_by_track", 300, 300),
        ("fault_filtered", 290, 290),
        ("validation", 197, 197),
    )
    models = tuple(
        figures_of(
            row, protocol=protocol, extra=False, n_windows=windows, n_tracks=tracks, seeds=3, calibrated=False
        )
        for row in IMAGES
        for protocol, windows, tracks in settings
    )
    own = data(
        "gtzan_spectrograms_30s.npz@0123456789ab", role="own", n_windows=999, n_tracks=999, n_dropped=0
    )
    return tabular_report().model_copy(
        update={"models": models, "data": (own,), "leaks": leaks()[1:2], "steps": (), "importance": {}}
    )


def audio_report() -> Report:
    """Make up what a benchmark of a little audio of three genres finds: a tiny test, a protocol without."""
    genres = ("classical", "jazz", "rock")
    rows: tuple[Row, ...] = (
        ("lstm-timeseries", "LSTM over cepstra", "series", 0.80, 0.973, 0.711, 900, 81_000),
        IMAGES[2],
    )
    models = [
        figures_of(
            row, protocol=protocol, extra=False, n_windows=370, n_tracks=n, genres=genres, calibrated=False
        )
        for row in rows
        for protocol, n in (("random_windows", 126), ("grouped_by_track", 38))
    ]
    models += [
        ModelFigures(
            name=row[0],
            title=row[1],
            input=row[2],
            note=note_of(row),
            protocol="fault_filtered",
            extra=False,
            not_computable="no track of rock is on the test side",
            source_accuracy=row[3],
        )
        for row in rows
    ]
    own = data(
        "gtzan_tracks@0123456789ab", role="own", n_windows=1_260, n_tracks=126, n_dropped=0, genres=genres
    )
    return tabular_report().model_copy(
        update={
            "genres": genres,
            "models": tuple(models),
            "data": (own,),
            "leaks": leaks()[:1],
            "steps": (),
            "importance": {},
        }
    )


def figures_of(
    row: Row,
    *,
    protocol: str,
    extra: bool,
    n_windows: int,
    n_tracks: int,
    seeds: int = 5,
    genres: Sequence[str] = GENRES,
    calibrated: bool = True,
) -> ModelFigures:
    """Make up one model's figures under one setting."""
    name, title, kind, source, flattered, honest, speed, parameters = row
    window: float | None = {
        "random_windows": flattered or 0.9,
        "grouped_by_track": 0.4 * (flattered or 0.8) + 0.6 * honest + 0.05,
    }.get(protocol, honest + 0.028 * extra)
    assert window is not None
    track = min(0.99, window + 0.04)
    wide = 0.9 / n_tracks**0.5
    window = None if kind == "track" else window
    matters = calibrated and protocol == "fault_filtered"
    return ModelFigures(
        name=name,
        title=title,
        input=kind,
        note=note_of(row),
        protocol=protocol,
        extra=extra,
        window_accuracy=window,
        window_interval=None if window is None else (max(0.0, window - wide), min(1.0, window + wide)),
        track_accuracy=track,
        interval=(max(0.0, track - wide), min(1.0, track + wide)),
        by_seed=tuple(min(1.0, max(0.0, track + 0.01 * (seed - 2))) for seed in range(seeds)),
        seeds=seeds,
        n_fit=6_000 + 20_000 * extra,
        n_windows=n_windows,
        n_tracks=n_tracks,
        train_seconds=0.02 * parameters**0.5 * (1 + 3 * extra),
        windows_per_second=float(speed),
        parameters=parameters,
        model_bytes=4 * parameters + 900,
        onnx_difference=3.1e-7,
        losses=losses_of(row),
        confusion=confusion(track, n_tracks * seeds, n_genres=len(genres)),
        calibration=calibration_of(track, n_tracks * seeds) if matters else None,
        source_accuracy=source,
    )


def losses_of(row: Row) -> tuple[float, ...]:
    """Make up how the loss of a network fell; nothing else is fitted in passes."""
    name = row[0]
    if not name.startswith(("mlp", "lstm", "resnet", "vgg", "inception")):
        return ()
    n_passes = 4 + len(name)
    return tuple(0.6 + 1.7 * 0.7**done for done in range(n_passes))


def note_of(row: Row) -> str:
    """Say something about a model."""
    return f"{row[1]} on {row[2]}: made up, of {row[7]:,} numbers."
