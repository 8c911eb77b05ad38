"""Walks forests: the mean over all trees of what the leaves say, compiled."""

from __future__ import annotations

import numpy as np

from openmars.core.kernels import load
from openmars.models.forest import Forest


def predict(forest: Forest, table: np.ndarray) -> np.ndarray:
    """Give the mean over the trees.

    Parameters
    ----------
    forest : Forest
        From coach.
    table : ndarray of float32, shape (events, features)
        Inputs in the order of the forest's features; finite.

    Returns
    -------
    ndarray of float64, shape (events, outputs)
    """
    table = np.ascontiguousarray(table, dtype=np.float32)
    if table.ndim != 2 or table.shape[1] != len(forest.features):
        raise ValueError(f"the forest takes {len(forest.features)} features, got {table.shape}")
    n, outputs = len(table), forest.value.shape[1]
    total = np.zeros((n, outputs))
    leaf = forest.feature < 0
    own = np.arange(len(leaf), dtype=np.int32) - np.repeat(forest.start[:-1], np.diff(forest.start))
    walk = load("openmars.models.kernel_walk", "walk")
    walk(
        table,
        n,
        table.shape[1],
        np.ascontiguousarray(forest.start, dtype=np.int32),
        depths(forest),
        forest.n_trees,
        np.where(leaf, 0, forest.feature).astype(np.int32),
        np.where(leaf, np.float32(np.inf), forest.threshold).astype(np.float32),
        np.where(leaf, own, forest.left).astype(np.int32),
        np.ascontiguousarray(forest.value, dtype=np.float32),
        outputs,
        np.zeros(64, dtype=np.int64),
        total,
    )
    return total / forest.n_trees


def depths(forest: Forest) -> np.ndarray:
    """Give the number of steps down to the deepest leaf of each tree."""
    nodes = np.repeat(forest.start[:-1].astype(np.int64), np.diff(forest.start)) + forest.left
    depth = np.zeros(forest.n_trees, dtype=np.int32)
    here = forest.start[:-1].astype(np.int64)
    tree = np.arange(forest.n_trees)
    while len(here):
        inner = forest.feature[here] >= 0
        here, tree = here[inner], tree[inner]
        depth[np.unique(tree)] += 1
        children = nodes[here]
        here, tree = np.concatenate([children, children + 1]), np.concatenate([tree, tree])
    return depth
