"""What writes: the active run and its verbs, the buffer they fill, and the thread that empties it into the store.

verbs, active, runs   what users call, and the run that it goes to
values                what counts as the value of a metric
buffer                points and events of this process that are not in the store yet
flusher               the thread that brings them there
recorders             one buffer, flusher and writer for each store, process and fork
clock                 the time of events
"""
