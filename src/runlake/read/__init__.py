"""What reads a store, while it is being written or after: the web page and third parties stand on this.

store = runlake.read.open_store()
store.refresh()
store.run(run_id).metrics["loss"].to_numpy()
runlake.read.series(run_id, "loss", range=(0, 10_000), pixels=800)
"""

from runlake.read.comparing import Comparison
from runlake.read.direction import direction
from runlake.read.drawing import series
from runlake.read.run import Run
from runlake.read.runs import Runs
from runlake.read.search.query import Query
from runlake.read.series import Series
from runlake.read.stores import Store, open_store

__all__ = ["Comparison", "Query", "Run", "Runs", "Series", "Store", "direction", "open_store", "series"]
