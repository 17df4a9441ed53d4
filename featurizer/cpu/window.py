"""Turns one window into its features: every stage in turn, in one piece of machine code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu import (
    chroma,
    columns,
    hpss,
    mel,
    overlap_add,
    spectral,
    stft,
    stft_tables,
    tempo,
    time_domain,
    tuning,
)
from featurizer.cpu.compiling import kernel
from featurizer.cpu.layout import FloatType, Layout, columns_of, layout_of
from featurizer.cpu.vector_ir import Width
from featurizer.spec import FeatureSpec

_chroma = chroma.chroma
_tempo = tempo.tempo
_time_domain = time_domain.time_domain


class WindowTables(NamedTuple):
    """Constants of all stages, which any number of threads read.

    Attributes
    ----------
    layout : Layout
        Sizes of arrays.
    width : tuple
        As long as a vector has float32 lanes.
    harmonic_column : int
        Where the harmonic part's mean goes; its variance and the percussive part's two values follow.
    """

    layout: Layout
    width: Width
    harmonic_column: int
    forward: stft_tables.ForwardTables
    inverse: stft_tables.InverseTables
    parts: overlap_add.PartsTables
    time_domain: time_domain.TimeDomainTables
    spectral: spectral.SpectralTables
    tuning: tuning.TuningTables
    chroma: chroma.ChromaTables
    mel: mel.MelTables
    tempo: tempo.TempoEstimateTables


class WindowScratch(NamedTuple):
    """Memory of all stages for one window at a time, which one thread uses.

    Attributes
    ----------
    samples : numpy.ndarray, flat, float32
        The window in columns as `Layout` says.
    padded, magnitude : numpy.ndarray, shape [mirrored rows too, lanes] and [n_bins, lanes], float32
        Magnitude spectrogram; they share memory.
    mask : numpy.ndarray, shape [n_bins or more, 16], float32
        Harmonic share of a block.
    """

    samples: NDArray[np.float32]
    padded: NDArray[np.float32]
    magnitude: NDArray[np.float32]
    mask: NDArray[np.float32]
    stft: stft_tables.StftScratch
    hpss: hpss.HpssScratch
    parts: overlap_add.PartsScratch
    time_domain: time_domain.TimeDomainScratch
    spectral: spectral.SpectralScratch
    tuning: tuning.TuningScratch
    chroma: chroma.ChromaScratch
    mel: mel.MelScratch
    tempo: tempo.TempoScratch


def window_tables(spec: FeatureSpec, *, vector_width: int, dtype: FloatType) -> WindowTables:
    """Build the constants of all stages.

    Parameters
    ----------
    spec : FeatureSpec
    vector_width : int
        Float32 lanes of a vector: 4, 8 or 16.
    dtype : float32 or float64
        Precision of the transform.

    Raises
    ------
    ValueError
        If a stage does not do what the feature set asks for.
    """
    width = (0,) * vector_width
    layout = layout_of(spec)
    return WindowTables(
        layout=layout,
        width=width,
        harmonic_column=spec.feature_names.index("harmony_mean"),
        forward=stft_tables.forward_tables(width, dtype=dtype),
        inverse=stft_tables.inverse_tables(width),
        parts=overlap_add.parts_tables(spec, layout, width=width),
        time_domain=time_domain.time_domain_tables(spec),
        spectral=spectral.spectral_tables(spec),
        tuning=tuning.tuning_tables(spec),
        chroma=chroma.chroma_tables(spec),
        mel=mel.mel_tables(spec),
        tempo=tempo.tempo_estimate_tables(spec),
    )


def window_scratch(spec: FeatureSpec, *, vector_width: int, dtype: FloatType) -> WindowScratch:
    """Allocate the memory of all stages, about 2.5 MB for windows of 3 seconds."""
    width = (0,) * vector_width
    layout = layout_of(spec)
    padded, magnitude = hpss.padded_magnitude(layout)
    return WindowScratch(
        samples=columns_of(layout),
        padded=padded,
        magnitude=magnitude,
        mask=hpss.mask_of(layout),
        stft=stft_tables.stft_scratch(layout, width=width, dtype=dtype),
        hpss=hpss.hpss_scratch(),
        parts=overlap_add.parts_scratch(width=width),
        time_domain=time_domain.time_domain_scratch(spec),
        spectral=spectral.spectral_scratch(spec),
        tuning=tuning.tuning_scratch(spec),
        chroma=chroma.chroma_scratch(spec),
        mel=mel.mel_scratch(spec),
        tempo=tempo.tempo_scratch(spec),
    )


@kernel
def featurize_windows(
    windows: NDArray[np.float32],
    tables: WindowTables,
    scratch: WindowScratch,
    features: NDArray[np.float64],
) -> None:
    """Compute the features of each window.

    Parameters
    ----------
    windows : numpy.ndarray, shape [batch, window_samples], float32, C-contiguous, writable, finite
    tables : WindowTables
    scratch : WindowScratch
    features : numpy.ndarray, shape [batch, width], float64
        Written.
    """
    for index in range(len(windows)):
        split(windows[index], tables, scratch, features[index])
        describe(windows[index], tables, scratch, features[index])


@kernel
def split(
    window: NDArray[np.float32], tables: WindowTables, scratch: WindowScratch, features: NDArray[np.float64]
) -> None:
    """Leave the window's magnitudes in the scratch; write the features of its parts.

    Frames go by 16: a block is transformed, then the one before it, whose medians need its magnitudes, is
    masked and transformed back. So spectra never leave the second-level cache.
    """
    layout, width, samples = tables.layout, tables.width, scratch.samples
    unscale = columns.set_scale(window, layout, width, scratch.stft)
    columns.samples_to_columns(window, samples, layout, width, scratch.stft)
    stft.clear_added(scratch.parts.added, width)
    scratch.parts.sums[:] = 0
    for block in range(layout.n_blocks + 1):
        if block < layout.n_blocks:
            stft.forward(samples, block, layout, tables.forward, scratch.stft, scratch.magnitude)
        if block > 0:
            hpss.harmonic_mask(
                scratch.padded,
                block - 1,
                layout,
                width,
                scratch.stft.scale,
                scratch.stft.silent_mask,
                scratch.hpss,
                scratch.mask,
            )
            stft.inverse(scratch.mask, block - 1, layout, tables.inverse, scratch.stft, scratch.parts.added)
            overlap_add.add_block(samples, block - 1, layout, tables.parts, scratch.parts)
    # The last frames reach into one more block.
    overlap_add.add_block(samples, layout.n_blocks, layout, tables.parts, scratch.parts)
    overlap_add.write_statistics(unscale, layout, scratch.parts, features, tables.harmonic_column)


@kernel
def describe(
    window: NDArray[np.float32], tables: WindowTables, scratch: WindowScratch, features: NDArray[np.float64]
) -> None:
    """Write the features that samples and magnitudes decide."""
    width, magnitude = tables.width, scratch.magnitude
    _time_domain(width, window, tables.time_domain, scratch.time_domain, features)
    spectral.spectral_shape(width, magnitude, tables.spectral, scratch.spectral, features)
    peak = scratch.spectral.sums[2]
    found = tuning.tuning_index(width, magnitude, peak, tables.tuning, scratch.tuning)
    _chroma(width, magnitude, found, tables.chroma, scratch.chroma, features)
    mel.log_mel(width, magnitude, tables.mel, scratch.mel)
    mel.cepstra(width, tables.mel, scratch.mel, features)
    _tempo(width, scratch.mel.decibels, tables.tempo, scratch.tempo, features)
