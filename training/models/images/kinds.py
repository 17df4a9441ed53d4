"""Turns the image plans into the kinds of models that the benchmark knows."""

from __future__ import annotations

from typing import Final

from training.models.images.fitting import ImageFit
from training.models.images.plans import PLANS, ImagePlan
from training.models.images.weights import weights_expected
from training.models.kind import InputKind, ModelKind


def _kind(name: str, *, title: str, source_accuracy: float | None) -> ModelKind:
    plan = PLANS[name]
    return ModelKind(
        name=name,
        title=title,
        input=InputKind.IMAGE,
        fit=ImageFit(plan),
        note=_note(plan),
        source_accuracy=source_accuracy,
    )


def _note(plan: ImagePlan) -> str:
    begun = weights_expected(plan.architecture)
    return (
        f"torchvision's {plan.architecture} {begun}, {plan.height} mel bands x {plan.width} columns, "
        f"{plan.epochs} epochs"
    )


KINDS: Final[tuple[ModelKind, ...]] = (
    _kind("inception-v3", title="Inception-v3", source_accuracy=0.57),
    _kind("vgg16", title="VGG16", source_accuracy=0.66),
    _kind("resnet18", title="ResNet18", source_accuracy=0.78),
    _kind("resnet34", title="ResNet34", source_accuracy=None),
    _kind("resnet50", title="ResNet50", source_accuracy=None),
)
"""In the order of the source report's table, then those that it trained without a figure."""
