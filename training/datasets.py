"""Turns a data folder into the default model's tables: what it may be fitted on and what it is tested on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from featurizer.spec import FeatureSpec
from training.errors import DataError
from training.feature_table import file_id, read_feature_table
from training.splits import NEAR_COPY_DISTANCE, TrackLists, near_copies, read_track_lists
from training.windows import LabelledWindows, join, without_repeats

GTZAN_TABLE = Path("features/gtzan_3s.csv.gz")
EXTRA_TABLE = Path("features/dsmusic_3s.csv.gz")
SPLIT_FOLDER = Path("gtzan_split")
AUDIO_FOLDERS = (Path("audio/gtzan_tracks"), Path("audio/gtzan_snippets"))
EXTRA_COLLECTION = "dsmusic/"
LICENCE = (
    "Research use only. GTZAN was published for research without a licence from the recordings' owners, "
    "and the second table's recordings are of unstated origin. The model was fitted to features, it holds "
    "no audio."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """How many tracks or windows were kept from training, by reason.

    Attributes
    ----------
    excluded_tracks : int
        Faulty or replicated tracks of GTZAN.
    twin_tracks : int
        Tracks known to be the same recording as a test track (most are excluded already).
    near_copy_tracks : int
        Tracks with a window almost equal to a test track's, in either table.
    other_genre_windows : int
        Windows of the second table under a genre that GTZAN lacks.
    repeated_windows : int
        Windows of the second table that it holds twice.
    """

    excluded_tracks: int
    twin_tracks: int
    near_copy_tracks: int
    other_genre_windows: int
    repeated_windows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultData:
    """Everything that the default model is made from.

    Attributes
    ----------
    genres : tuple of str
        The labels, sorted.
    gtzan : LabelledWindows
        Every window of GTZAN, for the two protocols that draw their own sides.
    extra : LabelledWindows
        The second collection: joins the training side only, holds no copy of a test track.
    fitting, test : LabelledWindows
        GTZAN's windows that a released model may be fitted on, and those that it is tested on.
    lists : TrackLists
        The split.
    dropped : Dropped
        What was kept from training.
    id : str
        Names and hashes of the tables and lists.
    audio : tuple of Path
        Folders of audio, those that are there.
    """

    genres: tuple[str, ...]
    gtzan: LabelledWindows
    extra: LabelledWindows
    fitting: LabelledWindows
    test: LabelledWindows
    lists: TrackLists
    dropped: Dropped
    id: str
    audio: tuple[Path, ...]

    @property
    def training(self) -> LabelledWindows:
        """Both collections' windows that the released model is fitted on."""
        return join([self.fitting, self.extra])


def read_default_data(folder: Path, *, spec: FeatureSpec, extra_weight: float) -> DefaultData:
    """Read tables and lists and keep every copy of a test track from the training side.

    Parameters
    ----------
    folder : Path
        Holds `features/`, `gtzan_split/` and, where there is audio to test on, `audio/`.
    spec : FeatureSpec
        Names the tables' columns.
    extra_weight : float
        How much a window of the second collection counts in a fit, where GTZAN's count 1.

    Raises
    ------
    DataError
        Something is missing or malformed, or one side is left without a genre.
    """
    if not folder.is_dir():
        raise DataError(f"the data folder is not there, path={folder}: see --help for what it must hold")
    lists = read_track_lists(folder / SPLIT_FOLDER)
    gtzan = read_feature_table(folder / GTZAN_TABLE, spec=spec)
    everything = read_feature_table(folder / EXTRA_TABLE, spec=spec, collection=EXTRA_COLLECTION)
    genres = tuple(np.unique(gtzan.genres).tolist())
    shared = everything.rows(np.isin(everything.genres, genres))
    extra = without_repeats(shared).weighing(extra_weight)
    test = gtzan.of_tracks(lists.test)
    fitting = gtzan.of_tracks(lists.fitting_tracks())
    for side, table in (("training", fitting), ("test", test)):
        lacking = sorted(set(genres) - set(table.genres.tolist()))
        if lacking:
            raise DataError(f"the {side} side lacks genres, path={folder / GTZAN_TABLE} genres={lacking}")
    copies = near_copies(join([fitting, extra]), of=test, closer_than=NEAR_COPY_DISTANCE)
    names = (
        GTZAN_TABLE,
        EXTRA_TABLE,
        *(SPLIT_FOLDER / f"{side}_filtered.txt" for side in ("train", "valid", "test")),
    )
    return DefaultData(
        genres=genres,
        gtzan=gtzan,
        extra=extra.without_tracks(copies),
        fitting=fitting.without_tracks(copies),
        test=test,
        lists=lists,
        dropped=Dropped(
            excluded_tracks=len(lists.excluded),
            twin_tracks=len(lists.twins_of(lists.test)),
            near_copy_tracks=len(copies),
            other_genre_windows=len(everything) - len(shared),
            repeated_windows=len(shared) - len(extra),
        ),
        id=" ".join(file_id(folder / name) for name in names),
        audio=tuple(folder / name for name in AUDIO_FOLDERS if (folder / name).is_dir()),
    )
