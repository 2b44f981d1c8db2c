"""The page of a store, and the server that it asks."""
