"""What must hold between the attributes of an object, because code in C relies on it.

Every array is in itself as its dtype and shape say by now, and every tree can be walked; here is who holds what. What Python alone works
with needs no check: it raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runlake_sklearn.form import columns, ensembles, machines, points
from runlake_sklearn.form.errors import InvalidForm
from runlake_sklearn.form.parts import Held, is_of

_NORMS = {"X_norm_squared", "Y_norm_squared"}
# Settings that a class also has a value for.
_OWN_AND_OF_CLASS = {"positive"}


def check(made: Any) -> None:
    """Refuse an object whose attributes would lead code in C astray, or stand in the place of a method."""
    kind, held = type(made), vars(made)
    for name, value in held.items():
        if hasattr(kind, name) and name not in _OWN_AND_OF_CLASS:
            raise InvalidForm(f"{name} of {kind.__name__} is defined by its class and cannot be set.")
        if type(value) is dict and not _NORMS.isdisjoint(value):
            # The length of these is never compared with the rows that they are of.
            raise InvalidForm(f"{name} of {kind.__name__} has norms that are computed anew.")
    for name in ("n_jobs", "_n_threads"):
        if type(held.get(name)) is int and held[name] > points.MOST_THREADS:
            raise InvalidForm(f"{name} of {kind.__name__} is {held[name]}: where a thread cannot be started, the process ends.")
    for base in kind.__mro__:
        rule = _RULES.get(f"{base.__module__}:{base.__qualname__}")
        if rule is not None:
            rule(held)


def build_anew(made: Any) -> None:
    """What a class makes of its state itself, once that was found to be sound."""
    if is_of(made, "sklearn.isotonic:IsotonicRegression") and {"X_thresholds_", "y_thresholds_"} <= vars(made).keys():
        made._build_f(made.X_thresholds_, made.y_thresholds_)


_RULES: dict[str, Callable[[Held], None]] = {
    "sklearn.cluster._birch:Birch": points.reduced_clusters,
    "sklearn.cluster._bisect_k_means:BisectingKMeans": points.halved_clusters,
    "sklearn.cluster._agglomerative:FeatureAgglomeration": points.merged_features,
    "sklearn.cluster._hdbscan.hdbscan:HDBSCAN": points.linkage,
    "sklearn.cluster._kmeans:_BaseKMeans": points.clusters,
    "sklearn.decomposition._lda:LatentDirichletAllocation": points.topics,
    "sklearn.decomposition._nmf:_BaseNMF": points.factors,
    "sklearn.ensemble._forest:BaseForest": ensembles.forest,
    "sklearn.ensemble._gb:BaseGradientBoosting": ensembles.gradient_boosting,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting:BaseHistGradientBoosting": ensembles.histogram_boosting,
    "sklearn.ensemble._iforest:IsolationForest": ensembles.isolation_forest,
    "sklearn.feature_extraction._dict_vectorizer:DictVectorizer": columns.vocabulary,
    "sklearn.feature_extraction._hash:FeatureHasher": columns.hashed,
    "sklearn.feature_extraction.text:CountVectorizer": columns.vocabulary,
    "sklearn.feature_extraction.text:HashingVectorizer": columns.hashed,
    "sklearn.isotonic:IsotonicRegression": points.monotone,
    "sklearn.neighbors._base:NeighborsBase": points.neighbors,
    "sklearn.neighbors._classification:KNeighborsClassifier": points.neighbor_classes,
    "sklearn.neighbors._classification:RadiusNeighborsClassifier": points.neighbor_classes,
    "sklearn.preprocessing._encoders:OneHotEncoder": columns.one_hot,
    "sklearn.preprocessing._label:MultiLabelBinarizer": columns.binarized_labels,
    "sklearn.svm._base:BaseLibSVM": machines.support_vectors,
    "sklearn.tree._classes:BaseDecisionTree": ensembles.decision_tree,
}
