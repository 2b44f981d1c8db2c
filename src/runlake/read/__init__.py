"""What reads a store, while it is being written or after: the web page and third parties stand on this.

store = runlake.read.open_store()
store.refresh()
store.run(run_id).metrics["loss"].to_numpy()
"""

from runlake.read.direction import direction
from runlake.read.run import Run
from runlake.read.search.query import Query
from runlake.read.series import Series
from runlake.read.stores import Store, open_store

__all__ = ["Query", "Run", "Series", "Store", "direction", "open_store"]
