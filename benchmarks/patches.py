"""Features of small colour pictures without any label or pretrained network: what their patches resemble.

Source: Coates, Ng & Lee (2011), single-layer networks in unsupervised feature learning.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA

from alcore.protocols import Floats

SIDE = 6  # of a patch, in pixels
STRIDE = 2
WORDS = 400
FITTED_ON = 60_000  # patches
DIMENSIONS = 256


def encode(pictures: Floats) -> Floats:
    """(n, 256) features of (n, H, W, 3) pictures: how near each quarter's patches lie to 400 words, by PCA."""
    rng = np.random.default_rng(0)
    drawn = rng.permutation(len(pictures))[: FITTED_ON // 40]
    some = np.concatenate([_patches(pictures[at])[rng.permutation(196)[:40]] for at in drawn])
    mean = some.mean(axis=0)
    whiten = _whitening(some - mean)
    words = MiniBatchKMeans(WORDS, random_state=0, n_init=1, batch_size=2_000).fit((some - mean) @ whiten)
    centers = words.cluster_centers_.astype(np.float32)
    pooled = np.stack([_pooled((_patches(picture) - mean) @ whiten, centers) for picture in pictures])
    scaled = (pooled - pooled.mean(axis=0)) / (pooled.std(axis=0) + 1e-3)
    return np.asarray(PCA(DIMENSIONS, svd_solver="randomized", random_state=0).fit_transform(scaled), dtype=np.float32)


def _patches(picture: Floats) -> Floats:
    """(196, 108) of a 32 x 32 picture, each of mean 0 and one contrast."""
    windows = sliding_window_view(picture.astype(np.float32), (SIDE, SIDE), axis=(0, 1))[::STRIDE, ::STRIDE]
    flat = windows.reshape(-1, 3 * SIDE * SIDE)
    return np.asarray((flat - flat.mean(axis=1, keepdims=True)) / np.sqrt(flat.var(axis=1, keepdims=True) + 10))


def _whitening(rows: Floats) -> Floats:
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    return np.asarray((vectors / np.sqrt(np.maximum(values, 0) + 0.1)) @ vectors.T, dtype=np.float32)


def _pooled(rows: Floats, centers: Floats) -> Floats:
    """(4 * words,) sums over quarters of how much nearer than usual each word is."""
    away = np.sqrt(
        np.maximum((rows**2).sum(axis=1, keepdims=True) - 2 * rows @ centers.T + (centers**2).sum(axis=1), 0)
    )
    near = np.maximum(away.mean(axis=1, keepdims=True) - away, 0).reshape(14, 14, -1)
    return np.concatenate([near[r : r + 7, c : c + 7].sum(axis=(0, 1)) for r in (0, 7) for c in (0, 7)])
