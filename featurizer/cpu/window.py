"""Turns one window into its features: every stage in turn, in one piece of machine code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu import chroma, hpss, mel, overlap_add, spectral, stft, tempo, time_domain, tuning
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
    forward: stft.ForwardTables
    inverse: stft.InverseTables
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
    samples, added : numpy.ndarray, flat, float32
        The window and the harmonic part's frames, added up, in columns as `Layout` says.
    padded, magnitude : numpy.ndarray, shape [mirrored rows too, lanes] and [n_bins, lanes], float32
        Magnitude spectrogram; they share memory.
    mask : numpy.ndarray, shape [n_bins or more, lanes], float32
        Harmonic share.
    """

    samples: NDArray[np.float32]
    added: NDArray[np.float32]
    padded: NDArray[np.float32]
    magnitude: NDArray[np.float32]
    mask: NDArray[np.float32]
    stft: stft.StftScratch
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
        forward=stft.forward_tables(width, dtype=dtype),
        inverse=stft.inverse_tables(width),
        parts=overlap_add.parts_tables(spec, layout, width=width),
        time_domain=time_domain.time_domain_tables(spec),
        spectral=spectral.spectral_tables(spec),
        tuning=tuning.tuning_tables(spec),
        chroma=chroma.chroma_tables(spec),
        mel=mel.mel_tables(spec),
        tempo=tempo.tempo_estimate_tables(spec),
    )


def window_scratch(spec: FeatureSpec, *, vector_width: int, dtype: FloatType) -> WindowScratch:
    """Allocate the memory of all stages, about 5 MB for windows of 3 seconds."""
    width = (0,) * vector_width
    layout = layout_of(spec)
    padded, magnitude = hpss.padded_magnitude(layout)
    return WindowScratch(
        samples=columns_of(layout),
        added=columns_of(layout),
        padded=padded,
        magnitude=magnitude,
        mask=hpss.mask_of(layout),
        stft=stft.stft_scratch(layout, width=width, dtype=dtype),
        hpss=hpss.hpss_scratch(layout),
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
        row = features[index]
        unscale = spectrum(windows[index], tables, scratch)
        timbre(windows[index], tables, scratch, row)
        parts(unscale, tables, scratch, row)


@kernel
def spectrum(window: NDArray[np.float32], tables: WindowTables, scratch: WindowScratch) -> float:
    """Leave the window's spectrum and magnitude in the scratch; return the factor that undoes its scale."""
    unscale = stft.set_scale(window, tables.layout, tables.width, scratch.stft)
    stft.samples_to_columns(window, scratch.samples, tables.layout, tables.width, scratch.stft)
    stft.forward(
        scratch.samples, tables.layout, tables.forward, tables.width, scratch.stft, scratch.magnitude
    )
    return unscale


@kernel
def timbre(
    window: NDArray[np.float32], tables: WindowTables, scratch: WindowScratch, features: NDArray[np.float64]
) -> None:
    """Write the features that samples and magnitudes decide."""
    magnitude = scratch.magnitude
    _time_domain(tables.width, window, tables.time_domain, scratch.time_domain, features)
    spectral.spectral_shape(tables.width, magnitude, tables.spectral, scratch.spectral, features)
    found = tuning.tuning_index(
        tables.width, magnitude, scratch.spectral.sums[2], tables.tuning, scratch.tuning
    )
    _chroma(tables.width, magnitude, found, tables.chroma, scratch.chroma, features)
    mel.log_mel(tables.width, magnitude, tables.mel, scratch.mel)
    mel.cepstra(tables.width, tables.mel, scratch.mel, features)
    _tempo(tables.width, scratch.mel.decibels, tables.tempo, scratch.tempo, features)


@kernel
def parts(
    unscale: float, tables: WindowTables, scratch: WindowScratch, features: NDArray[np.float64]
) -> None:
    """Write the features of the harmonic and the percussive part."""
    layout = tables.layout
    hpss.harmonic_mask(
        scratch.padded,
        layout,
        tables.width,
        scratch.stft.scale,
        scratch.stft.silent_mask,
        scratch.hpss,
        scratch.mask,
    )
    stft.inverse(scratch.mask, layout, tables.inverse, scratch.stft, scratch.added)
    overlap_add.parts_statistics(
        scratch.added,
        scratch.samples,
        unscale,
        layout,
        tables.parts,
        scratch.parts,
        features,
        tables.harmonic_column,
    )
