"""What models of points hold, neighbors and clusters and factors: distances are computed over as many columns as the other side has."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.parts import Held, array_of, features_in, is_of, require, whole

MOST_THREADS = 1024
_ROWS = ("scipy.sparse._csr:csr_matrix", "scipy.sparse._csr:csr_array")
_TREES = (("_kd_tree", "KDTree"), ("_ball_tree", "BallTree"))


def neighbors(held: Held) -> None:
    if "_fit_method" not in held:
        return
    points, tree = held.get("_fit_X"), held.get("_tree")
    rows, columns = _rows(points)
    require(held.get("n_samples_fit_") == rows, "A model of neighbors has another number of points than it says.")
    # Sparse graphs of neighbors are themselves what was fitted.
    require(columns == features_in(held), "A model of neighbors takes other features than its points have.")
    if tree is not None:
        names = [f"sklearn.neighbors.{module}:{kind}{width}" for module, kind in _TREES for width in ("", "32", "64")]
        require(is_of(tree, *names), "The tree of a model of neighbors is none.")
        require(tree.data.shape == (rows, columns), "The tree of a model of neighbors is of other points.")


def _rows(points: Any) -> tuple[int, int]:
    is_table = (type(points) is np.ndarray and points.dtype.kind in "biuf") or is_of(points, *_ROWS)
    require(is_table and points.ndim == 2, "The points of a model of neighbors are no table.")
    rows, columns = points.shape
    return rows, columns


def neighbor_classes(held: Held) -> None:
    """Votes are counted in C, at the place that the label says."""
    if "_y" not in held or held.get("outputs_2d_") is True:
        return
    classes: Any = held.get("classes_")
    require(
        held.get("outputs_2d_") is False and type(classes) is np.ndarray and classes.ndim == 1, "The classes of neighbors are no array."
    )
    labels = array_of(held["_y"], np.intp, 1, "The labels of neighbors")
    require(len(labels) == _rows(held.get("_fit_X"))[0], "The labels of neighbors are not as many as the points.")
    require(bool(((labels >= 0) & (labels < len(classes))).all()), "A label of neighbors is of no class.")


def clusters(held: Held) -> None:
    if "cluster_centers_" in held:
        centers = held["cluster_centers_"]
        require(type(centers) is np.ndarray and centers.dtype in (np.float32, np.float64), "The centers of clusters are no numbers.")
        require(centers.ndim == 2 and centers.shape[1] == features_in(held), "The centers of clusters have other features.")
        require(len(centers) >= 1, "There is no cluster.")
        whole(held.get("_n_threads"), 1, MOST_THREADS, "The number of threads")


def halved_clusters(held: Held) -> None:
    """The halves are compared two by two, on the way down."""
    waiting, met = [held.get("_bisecting_tree")], set()
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        require(is_of(node, "sklearn.cluster._bisect_k_means:_BisectingTree") and id(node) not in met, "The tree of clusters is none.")
        met.add(id(node))
        center = vars(node).get("center")
        # The first is compared with none, and of sparse data it is a matrix.
        fits = type(center) is np.ndarray and center.shape == (features_in(held),)
        require(fits or len(met) == 1, "A center of the tree of clusters has other features.")
        waiting += [vars(node).get("left"), vars(node).get("right")]


def reduced_clusters(held: Held) -> None:
    if "_subcluster_norms" in held:
        norms = held["_subcluster_norms"]
        centers: Any = held.get("subcluster_centers_")
        require(type(norms) is np.ndarray and type(centers) is np.ndarray, "The centers of clusters are no arrays.")
        require(centers.ndim == 2 and norms.shape == centers.shape[:1], "There are not as many norms as centers.")
        require(centers.shape[1] == features_in(held), "The centers of clusters have other features.")


def merged_features(held: Held) -> None:
    if "labels_" in held:
        labels = array_of(held["labels_"], np.int64, 1, "The clusters of features")
        require(len(labels) == features_in(held) and bool(((labels >= 0) & (labels < len(labels))).all()), "A feature is in no cluster.")


def linkage(held: Held) -> None:
    tree = held.get("_single_linkage_tree_")
    if tree is not None:
        require(type(tree) is np.ndarray and tree.ndim == 1 and tree.dtype.names is not None, "The linkage of clusters is no table.")
        nodes = np.arange(len(tree)) + len(tree) + 1
        for side in ("left_node", "right_node"):
            require(bool(((tree[side] >= 0) & (tree[side] < nodes)).all()), "The linkage of clusters joins what there is not.")


def factors(held: Held) -> None:
    if "components_" in held:
        components = held["components_"]
        require(type(components) is np.ndarray and components.ndim == 2, "The components of a factorization are no table.")
        require(components.shape == (held.get("_n_components"), features_in(held)), "A factorization has other components than it says.")


def topics(held: Held) -> None:
    if "exp_dirichlet_component_" in held:
        topics = held["exp_dirichlet_component_"]
        components: Any = held.get("components_")
        require(type(topics) is np.ndarray and type(components) is np.ndarray, "The topics are no table.")
        require(topics.shape == components.shape == (len(topics), features_in(held)), "The topics are of other words.")


def monotone(held: Held) -> None:
    for name in ("X_thresholds_", "y_thresholds_"):
        if name in held:
            require(
                type(held[name]) is np.ndarray and held[name].ndim == 1 and held[name].dtype.kind == "f",
                "The steps of a fit are no numbers.",
            )
