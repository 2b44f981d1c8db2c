"""Searches the runs of a store: a filter, an order, and how many are wanted.

tokens, parse, tree      a filter is READ here
values                   what its names mean among the keys that runs have
compile, scan, order     it is ASKED here, of columns
columns, frames          a value of many runs; some of the runs of a store
live, folding, points    frames of the store as it lies
chunks, cache            frames that were put aside for the next search
index, selected, found   all runs of a store; some of them; those that were found
query, runs, listed      one search: of runs, or of a list of other things
"""
