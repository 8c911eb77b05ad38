"""Random forests as plain numbers: grown with scikit-learn, kept in ROOT trees, walked by `openmars.models.walk`.

A forest's file holds the tree ``Nodes``, one entry a node: ``fTree``, ``fFeature`` (-1 for a leaf), ``fThreshold``
(go left where the feature is not above it), ``fLeft`` (the right one follows it; both count from the tree's first
node) and the ``fValue``s; the tree ``Features`` with the names of the features in order; and a text that says what
the values are and from what they were learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from openmars.core import InputError


@dataclass(frozen=True)
class Forest:
    """Trees, node after node.

    Attributes
    ----------
    features : list of str
        Names of the inputs.
    start : ndarray of int32, shape (trees + 1,)
        First node of each tree.
    feature : ndarray of int32, shape (nodes,)
        What a node looks at; -1 for a leaf.
    threshold : ndarray of float32, shape (nodes,)
        Left where ``x <= threshold``.
    left : ndarray of int32, shape (nodes,)
        Left child, counted from the tree's first node; the right one is the next.
    value : ndarray of float32, shape (nodes, outputs)
        What a leaf says.
    """

    features: list[str]
    start: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    value: np.ndarray

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.start) - 1

    def save(self, path: Path, kind: str, card: str) -> None:
        """Write the forest; `kind` says what its values are, `card` how it was made."""
        from openmars.io import write_root

        nodes = {
            "fTree": np.repeat(np.arange(self.n_trees, dtype=np.int32), np.diff(self.start)),
            "fFeature": self.feature,
            "fThreshold": self.threshold,
            "fLeft": self.left,
        }
        nodes |= {f"fValue{k}": np.ascontiguousarray(self.value[:, k]) for k in range(self.value.shape[1])}
        names = {"fName": np.asarray(self.features, dtype=np.str_)}
        write_root(path, {"Nodes": nodes, "Features": names}, {"Kind": kind, "Card": card})

    @classmethod
    def load(cls, path: Path, kind: str) -> Forest:
        """Read a forest and make sure that it is one of this kind.

        Raises
        ------
        InputError
            When the file is no such forest.
        """
        from openmars.io import open_root

        file = open_root(path)
        found = file.texts().get("Kind", "nothing that coach wrote")
        if found != kind:
            raise InputError(f"{path}: expected {kind}, found {found}")
        nodes = file.read("Nodes")
        tree = nodes["fTree"]
        start = np.searchsorted(tree, np.arange(int(tree[-1]) + 2)).astype(np.int32)
        outputs = sorted((name for name in nodes if name.startswith("fValue")), key=lambda name: int(name[6:]))
        return cls(
            [str(name) for name in file.read("Features")["fName"]],
            start,
            nodes["fFeature"],
            nodes["fThreshold"],
            nodes["fLeft"],
            np.stack([nodes[name] for name in outputs], axis=1),
        )


def pack(features: Sequence[str], trees: Sequence[Any], values: Sequence[np.ndarray]) -> Forest:
    """Put scikit-learn's trees into one array of nodes, siblings side by side.

    Parameters
    ----------
    features : sequence of str
        Names of the inputs.
    trees : sequence of sklearn.tree._tree.Tree
        ``estimator.tree_`` of each tree.
    values : sequence of ndarray, shape (nodes, outputs)
        What the nodes of each tree say.
    """
    start = np.cumsum([0, *(tree.node_count for tree in trees)]).astype(np.int32)
    parts = [_breadth_first(tree, value) for tree, value in zip(trees, values, strict=True)]
    feature, threshold, left, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Forest(list(features), start, feature, threshold, left, value)


def _breadth_first(tree: Any, value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Number the nodes so that a right child follows its left sibling."""
    order = [0]
    left = np.zeros(tree.node_count, dtype=np.int32)
    children_left, children_right = tree.children_left.tolist(), tree.children_right.tolist()
    for place, node in enumerate(order):  # grows while it runs
        if children_left[node] >= 0:
            left[place] = len(order)
            order += [children_left[node], children_right[node]]
    nodes = np.asarray(order)
    feature = np.where(tree.children_left[nodes] >= 0, tree.feature[nodes], -1).astype(np.int32)
    return feature, floor_float32(tree.threshold[nodes]), left, value[nodes].astype(np.float32)


def floor_float32(values: np.ndarray) -> np.ndarray:
    """Round down to single precision, so that ``x <= value`` is the same for any single-precision x.

    Examples
    --------
    >>> import numpy as np
    >>> float(floor_float32(np.array([0.1]))[0]) <= 0.1 < float(np.float32(0.1))
    True
    """
    rounded = values.astype(np.float32)
    above = rounded.astype(np.float64) > values
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return rounded


@dataclass(frozen=True)
class Growth:
    """How to grow a forest: number of trees, smallest leaf, deepest level, tries a node, seed."""

    n_trees: int
    min_leaf: int
    max_depth: int
    n_tries: int
    seed: int

    def options(self) -> dict[str, Any]:
        """Give the arguments for scikit-learn: one thread, so that the result is always the same."""
        return {
            "n_estimators": self.n_trees,
            "min_samples_leaf": self.min_leaf,
            "max_depth": self.max_depth,
            "max_features": self.n_tries,
            "random_state": self.seed,
            "n_jobs": 1,
        }


def grow_classifier(
    features: dict[str, np.ndarray], hadron: np.ndarray, weight: np.ndarray, growth: Growth
) -> tuple[Forest, dict[str, float]]:
    """Grow a forest of the fraction of hadrons, split by the Gini index.

    Returns
    -------
    Forest
        Its value is the fraction of hadrons in the leaf.
    dict
        Importance of each feature.
    """
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(criterion="gini", **growth.options())
    model.fit(matrix(features), hadron.astype(np.int64), sample_weight=weight)
    trees = [estimator.tree_ for estimator in model.estimators_]
    values = [tree.value[:, 0, 1:2] / tree.value[:, 0].sum(axis=1, keepdims=True) for tree in trees]
    return pack(list(features), trees, values), _importance(features, model)


def grow_regressor(
    features: dict[str, np.ndarray], targets: np.ndarray, extra: np.ndarray, growth: Growth
) -> tuple[Forest, dict[str, float]]:
    """Grow a forest of one or more numbers.

    Parameters
    ----------
    features : dict of ndarray
        Inputs.
    targets : ndarray, shape (events, targets)
        What the trees learn; each has the influence of its variance.
    extra : ndarray, shape (events, extras)
        Further numbers of which the leaves shall know the mean; they do not shape the trees.
    growth : Growth
        How.

    Returns
    -------
    Forest
        Its values: means of the targets and of the extras.
    dict
        Importance of each feature.
    """
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(**growth.options())
    table = matrix(features)
    model.fit(table, targets[:, 0] if targets.shape[1] == 1 else targets)
    trees = [estimator.tree_ for estimator in model.estimators_]
    values = []
    for tree in trees:
        leaf = tree.apply(table)
        count = np.maximum(np.bincount(leaf, minlength=tree.node_count), 1)
        means = [np.bincount(leaf, weights=column, minlength=tree.node_count) / count for column in extra.T]
        values.append(np.column_stack([tree.value[:, :, 0], *means]))
    return pack(list(features), trees, values), _importance(features, model)


def matrix(features: dict[str, np.ndarray]) -> np.ndarray:
    """Put features side by side: float32, shape (events, features)."""
    return np.column_stack([np.asarray(column, dtype=np.float32) for column in features.values()])


def _importance(features: dict[str, np.ndarray], model: Any) -> dict[str, float]:
    return dict(zip(features, model.feature_importances_.tolist(), strict=True))
