"""Turns folders of audio into one table of `gtzan57+`, computed once and kept beside the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from training.errors import DataError, OutputError
from training.feature_table import read_feature_table
from training.featurizing.run import FeaturizePlan, available_cores, featurize_folder
from training.featurizing.walk import BadFile
from training.richer.features import GTZAN57_PLUS, prepare_gtzan57_plus
from training.windows import LabelledWindows, join


def richer_windows(
    folders: Sequence[Path],
    *,
    out: Path,
    on_begin: Callable[[int, int], None] = lambda _n_tracks, _n_kept: None,
    on_track: Callable[[], None] = lambda: None,
    on_bad: Callable[[BadFile], None] = lambda _file: None,
) -> LabelledWindows:
    """Compute both feature sets of each folder's tracks, or read what an earlier run has computed.

    Parameters
    ----------
    folders : sequence of Path
        Folders of audio as `featurize_folder` takes them, of different names. A track that two of them hold
        is taken from the first.
    out : Path
        Folder for `NAME.parquet` of each; made where it is not there. A table that is there is not computed
        again: delete it where its audio was changed.
    on_begin, on_track : callable, optional
        As for `featurize_folder`, for each folder that is computed.
    on_bad : callable, optional
        Told of each file that gave nothing.

    Raises
    ------
    DataError, CrewError
        As `featurize_folder` and `read_feature_table` say, and where no file of a folder can be read.
    OutputError
        The tables cannot be written, or two folders would write the same one.
    """
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) != len(names):
        raise OutputError(f"two folders of audio have one name, folders={', '.join(map(str, folders))}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"the folder for features cannot be made, path={out}: {exc.strerror}") from exc
    tables: list[LabelledWindows] = []
    taken: frozenset[str] = frozenset()
    for folder, name in zip(folders, names, strict=True):
        path = out / f"{name}.parquet"
        if not path.exists():
            plan = FeaturizePlan(
                folder=folder, out=path, n_processes=available_cores(), prepare=prepare_gtzan57_plus
            )
            result = featurize_folder(plan, spec=GTZAN57_PLUS, on_begin=on_begin, on_track=on_track)
            for file in result.bad:
                on_bad(file)
            if not result.n_tracks:
                raise DataError(f"no file of the folder could be read, path={folder}")
        table = read_feature_table(path, spec=GTZAN57_PLUS, min_genres=1).without_tracks(taken)
        taken |= frozenset(table.track_names)
        tables.append(table)
    return join(tables)
