"""Runs one process of a replay from the feature log; settings, replay id and rate are its arguments."""

from __future__ import annotations

import json
import sys
import uuid

from consumer.config import Settings
from consumer.replay.book import PlanBook
from consumer.replay.from_features import FeatureReplay
from consumer.replay.plan import member_settings
from modelzoo.registry import Registry
from modelzoo.scorer import OnnxScorer


def main(text: str, replay_id: str, rate: str) -> None:
    settings = Settings.model_validate_json(text)
    plan = PlanBook(settings, replay_id=replay_id).find()
    assert plan is not None
    artifact = Registry().load(plan.terms.model, version=plan.terms.version)
    replay = FeatureReplay(
        member_settings(settings, plan, transactional_id=f"{plan.group}.{uuid.uuid4().hex}"),
        plan,
        OnnxScorer(artifact, device="cpu"),
        rate=float(rate) or None,
    )
    sys.stdout.write(json.dumps(replay.run()))


if __name__ == "__main__":
    main(*sys.argv[1:])
