"""Runs as people look at them in a terminal.

words, statuses, sparkline      a number, a time, a text; how a run stands; a curve in a few letters
grid                            columns side by side, as many as the room lets
listing, curves                 which runs are listed, and which of them inside others; what is drawn of them
choosing, metrics               what of them is worth a column
runs_table, run_page, experiments_table     many runs; everything about one; the shelves that they stand on
"""
