"""Whether a store is as it was written: every file is read and held against what it says of itself. Nothing is changed.

problems   what can be wrong, and how bad it is
logs       frames and sealed files
tables     versions, data files, and whether each row of a writer is there once
contents   blobs, packs, what refers to them, and the small files of the store
numbered   the logs of the experiments and of the registered models
series     summaries and level of detail against the points
whole      all of it
"""
