"""The `models` commands: turn a registry of models into a list, and say which version is the latest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consumer.cli.options import Config, Json, UsageError, settings_from

if TYPE_CHECKING:
    from consumer.model_settings import Reference
    from consumer.rollout.sources import Listed, ModelSource
    from modelzoo.manifest import Manifest
    from modelzoo.registry import Artifact

models = typer.Typer(help="List models, add them, and say which version speaks.", no_args_is_help=True)

Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="DIR|s3://...",
        help="Folder, or prefix in an object store (s3, gs, az).",
        show_default="model.registry, else the packaged models",
        rich_help_panel="Settings",
    ),
]
Named = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="Which model.")]


@models.command("list")
def list_models(*, registry: Registry = None, as_json: Json = False, config: Config = None) -> int:
    """List every model of the registry, and of the package behind it.

    The accuracy is that on tracks by artists whom the model has not heard.

    [bold]Examples[/bold]

      genrestream models list
      genrestream models list --registry s3://models/genres --json
    """
    from consumer.cli.terminal import is_terminal, write_json, write_line

    listed = _source(config, registry).models()
    if as_json:
        for one in listed:
            write_json(_described(one.manifest) | {"latest": one.latest})
    elif is_terminal():
        _print_table(listed)
    else:
        for one in listed:
            write_line(_line(one))
    return 0


@models.command()
def show(model: Named, *, registry: Registry = None, as_json: Json = False, config: Config = None) -> int:
    """Load a model, verify its SHA-256 and features, and tell what it is.

    [bold]Examples[/bold]

      genrestream models show gtzan57-mlp
      genrestream models show gtzan57-mlp@1.0.0 --json | jq .metrics
    """
    from consumer.cli.terminal import write_json, write_line

    wanted = _reference(model)
    artifact = _source(config, registry).load(wanted.name, version=wanted.version)
    manifest = artifact.manifest
    if as_json:
        write_json(manifest.model_dump(mode="json"))
        return 0
    for name, value in _facts(artifact).items():
        write_line(f"{name:<12}{value}")
    for protocol, figures in manifest.metrics.items():
        told = ", ".join(f"{name} {figure.mean:.3f}" for name, figure in figures.items())
        write_line(f"{protocol}: {told}")
    return 0


@models.command()
def point(model: Named, *, registry: Registry = None, as_json: Json = False, config: Config = None) -> int:
    """Make a version the latest, at once for every worker that reloads (model.reload_seconds).

    The way back is the same: point at the version before. The model is loaded and run first; one that
    cannot be is refused.

    [bold]Examples[/bold]

      genrestream models point gtzan57-mlp@1.1.0 --registry /srv/models
      genrestream models point gtzan57-mlp@1.0.0 --registry s3://models/genres   # roll back
    """
    source = _source(config, registry)
    wanted = _reference(model)
    if wanted.version == "latest":
        raise UsageError(f"which version? write {wanted.name}@MAJOR.MINOR.PATCH")
    _try(source.load(wanted.name, version=wanted.version))
    _point(source, wanted, as_json=as_json)
    return 0


@models.command()
def push(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder with model.onnx, manifest.json and perhaps CARD.md.",
            exists=True,
            file_okay=False,
        ),
    ],
    *,
    latest: Annotated[bool, typer.Option("--latest", help="Make it the latest, too.")] = False,
    registry: Registry = None,
    as_json: Json = False,
    config: Config = None,
) -> int:
    """Add a model to the registry; its manifest says its name and version.

    The model is verified and run first. A version that is there already is never replaced; pushing the same
    model again changes nothing. The first version of a name speaks at once, a later one when pointed at.

    [bold]Examples[/bold]

      genrestream models push out/gtzan57-mlp/1.1.0 --registry /srv/models
      genrestream models push out/gtzan57-mlp/1.1.0 --registry s3://models/genres --latest
    """
    from consumer.cli.terminal import write_json, write_line
    from consumer.model_settings import Reference
    from modelzoo.registry import read_artifact

    source = _source(config, registry)
    _try(read_artifact(folder))
    manifest = source.push(folder)
    if as_json:
        write_json(_described(manifest) | {"registry": source.place})
    else:
        write_line(f"{manifest.name} {manifest.version} is in {source.place}")
    if latest:
        _point(source, Reference(manifest.name, manifest.version), as_json=as_json)
    return 0


def _source(config: Path | None, registry: str | None) -> ModelSource:
    from consumer.logs import configure_command_logs
    from consumer.rollout.sources import open_source

    settings = settings_from(config, overrides={"model": {"registry": registry}})
    configure_command_logs(settings.log, verbose=False)
    return open_source(settings)


def _reference(text: str) -> Reference:
    from consumer.model_settings import parse_reference

    try:
        return parse_reference(text)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def _try(artifact: Artifact) -> None:
    """Run a model as a worker would, before any worker has to."""
    from modelzoo.scorer import OnnxScorer

    OnnxScorer(artifact, device="cpu").warm_up()


def _point(source: ModelSource, wanted: Reference, *, as_json: bool) -> None:
    from consumer.cli.terminal import write_json, write_line
    from modelzoo.errors import ModelError

    try:
        before = source.latest(wanted.name)
    except ModelError:  # a pointer to nothing is mended by this
        before = None
    source.point(wanted.name, version=wanted.version)
    if as_json:
        write_json({"name": wanted.name, "latest": wanted.version, "before": before})
    else:
        was = f" (was {before})" if before else ""
        write_line(f"{wanted.name}: the latest is now {wanted.version}{was}")


def _accuracy(manifest: Manifest) -> float | None:
    figure = manifest.metrics.get("fault_filtered", {}).get("track_accuracy")
    return None if figure is None else figure.mean


def _described(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "version": manifest.version,
        "sha256": manifest.sha256,
        "created_at": manifest.created_at.isoformat(),
        "features": manifest.feature_set,
        "genres": len(manifest.genres),
        "accuracy": _accuracy(manifest),
    }


def _facts(artifact: Artifact) -> dict[str, str]:
    manifest = artifact.manifest
    return {
        "model": f"{manifest.name} {manifest.version}",
        "file": f"{artifact.model_path} ({len(artifact.model):,} bytes, verified)",
        "sha256": manifest.sha256,
        "created": manifest.created_at.isoformat(),
        "features": f"{manifest.feature_set}, {manifest.width} a window, {manifest.spec_fingerprint[:12]}",
        "genres": ", ".join(manifest.genres),
        "abstains": f"below {manifest.abstain.threshold:.2f}",
        "data": f"{manifest.training_data.n_tracks:,} tracks. {manifest.training_data.licence}",
        "drift": ", ".join(
            name
            for name, there in (
                ("features", bool(manifest.drift_shares)),
                ("labels", manifest.label_reference is not None),
                ("confidence", manifest.confidence_reference is not None),
            )
            if there
        )
        or "cannot be measured: the manifest holds no references",
    }


def _line(one: Listed) -> str:
    accuracy = _accuracy(one.manifest)
    told = "" if accuracy is None else f"  accuracy {accuracy:.3f}"
    mark = "  latest" if one.latest else ""
    return f"{one.manifest.name} {one.manifest.version}  {one.manifest.created_at:%Y-%m-%d}{told}{mark}"


def _print_table(listed: Sequence[Listed]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from consumer.cli.terminal import print_table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("model", "version", "", "created", "genres", "accuracy", "sha256"):
        table.add_column(
            column, justify="right" if column in {"genres", "accuracy"} else "left", no_wrap=True
        )
    for one in listed:
        manifest, accuracy = one.manifest, _accuracy(one.manifest)
        table.add_row(
            manifest.name,
            manifest.version,
            "latest" if one.latest else "",
            f"{manifest.created_at:%Y-%m-%d}",
            str(len(manifest.genres)),
            "" if accuracy is None else f"{accuracy:.3f}",
            manifest.sha256[:12],
            style="bold" if one.latest else None,
        )
    print_table(table)
