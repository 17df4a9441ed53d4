from __future__ import annotations

from consumer.config import Settings
from consumer.errors import AudioNotFoundError, SettingsError, track_reasons
from consumer.metrics import Metrics
from consumer.worker import Worker


def test_what_alerts_count_is_there_before_it_happens() -> None:
    shown = Metrics().registry.get_sample_value
    dead = {"outcome": "dead_lettered", "reason": AudioNotFoundError.reason}
    assert shown("genrestream_tracks_total", dead) == 0
    assert shown("genrestream_transactions_total", {"result": "fenced"}) == 0
    assert shown("genrestream_decoder_restarts_total", {"cause": "crashed"}) == 0
    assert shown("genrestream_feature_records_total", {"result": "too_large"}) == 0


def test_a_shadow_has_no_errors_at_first() -> None:
    metrics = Metrics()
    metrics.models.seat("shadow", name="m", version="1.0.0", sha256="0")
    shown = metrics.registry.get_sample_value
    assert shown("genrestream_shadow_errors_total", {"name": "m", "version": "1.0.0"}) == 0


def test_reasons_of_tracks_are_those_of_errors_that_do_not_end_the_worker() -> None:
    reasons = track_reasons()
    assert {"not_found", "not_audio", "decoder_crashed", "unexpected"} <= reasons
    assert SettingsError.reason not in reasons


def test_a_worker_shows_its_group_and_its_process() -> None:
    shown = Worker(Settings.model_validate({"kafka": {"group": "g"}})).metrics.registry.get_sample_value
    assert shown("genrestream_worker_info", {"group": "g", "delivery": "exactly_once"}) == 1
    assert (shown("process_start_time_seconds") or 0) > 0
