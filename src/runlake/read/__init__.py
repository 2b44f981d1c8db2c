"""What reads a store, while it is being written or after: the web page and third parties stand on this.

store = runlake.read.open_store()
store.refresh()
store.points(run_id, "loss")
"""

from runlake.read.stores import RunRow, Store, open_store

__all__ = ["RunRow", "Store", "open_store"]
