"""What reads a store, while it is being written or after: the web page and third parties stand on this.

store = runlake.read.open_store()
store.refresh()
store.run(run_id).metrics["loss"].to_numpy()
runlake.read.series(run_id, "loss", range=(0, 10_000), pixels=800)
"""

from runlake.entities import Scope, ViewType
from runlake.entities.described import DescribedModel
from runlake.read.changes import Changes, Watch
from runlake.read.choosing import by_weight, telling_params
from runlake.read.comparing import Comparison
from runlake.read.direction import GOAL_TAG, direction, has_direction
from runlake.read.drawing import series
from runlake.read.explanation import Explanation, Importance
from runlake.read.exported import point_batches, run_batches
from runlake.read.family import Family, family
from runlake.read.kept import open_artifact
from runlake.read.naming import quoted, shown_name, stored_name
from runlake.read.outcomes import is_aside, is_of_training, is_of_validation, words_of
from runlake.read.run import Run
from runlake.read.runs import Runs
from runlake.read.search.found import Found
from runlake.read.search.query import Query
from runlake.read.series import Series
from runlake.read.stores import Store, open_store
from runlake.read.told import asking_lines, models_in

__all__ = [
    "GOAL_TAG",
    "Changes",
    "Comparison",
    "DescribedModel",
    "Explanation",
    "Family",
    "Found",
    "Importance",
    "Query",
    "Run",
    "Runs",
    "Scope",
    "Series",
    "Store",
    "ViewType",
    "Watch",
    "asking_lines",
    "by_weight",
    "direction",
    "family",
    "has_direction",
    "is_aside",
    "is_of_training",
    "is_of_validation",
    "models_in",
    "open_artifact",
    "open_store",
    "point_batches",
    "quoted",
    "run_batches",
    "series",
    "shown_name",
    "stored_name",
    "telling_params",
    "words_of",
]
