"""Removes for good what was deleted, and what nobody needs any more.

whole         all of it, in the order in which it is safe
doomed        which runs and experiments go, and which cannot yet, and why
removing      taking the rows of runs out of the tables
unreferenced  contents that no run refers to
leftovers     what processes that are gone left behind
"""
