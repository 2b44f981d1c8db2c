"""Runs as people look at them, in a terminal and in a notebook.

words, apart, statuses, sparkline      a number, a time, a text; two that differ; how a run stands; a curve in a few letters
grid, sections                         columns side by side, as many as the room lets; parts under their titles
listing, curves                        which runs are listed, and which of them inside others; what is drawn of them
choosing, metrics                      what of them is worth a column
runs_table, ranking_table, run_page, experiments_table, artifact_tree
                                       many runs; the best; everything about one; the shelves that they stand on; what they keep
models_table, model_page               registered models, their versions and history; everything about one, and about a model at an address
schemas, asking                        what a model takes, in a line; the Python that asks it
comparison, comparison_page            what tells two runs apart, in words and as lines
following                              a run that goes on
traces, ticks, canvas, text_plot, svg, plot     curves on one scale, and the scale; drawn in braille, and as SVG; the picture of them
cards, markup, notebook                pieces of HTML, and what they are made of; the forms that what was read asks for
"""
