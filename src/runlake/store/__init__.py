"""The run store: the only package that knows how runs lie on disk.

layout, names, put_new   where things lie, what they are called, how they come into being
frames, columns          how points and events become checked bytes, and back
writer, tail             append frames to the write-ahead log of this process; read one as it grows
tables, selection        the open tables: columns, order, encodings; the rows of a file that are wanted
pieces, sealed           rows that are not published yet; a full part of a log as Parquet
delta_log, published     what a table's log says; the table's rows
summaries, summary_rows  what there is to say of a series; who said it, of which of its points
view                     logs, sealed files and tables as one, each row once
fold                     the state of a run out of its events
commits, mending         a version of a table: new files, and how far each writer is published; what the loss of power leaves of one
batches, publish         what can be published at once; moving it into the tables, exactly once
runs_table               a row for each run
buckets, lod, curves     what many points of a series say together; the table of it; a series on so many pixels
compaction               few large files of many small ones
check                    whether everything is as it was written
gc                       what was deleted goes for good, and what nobody needs
digests, versions, checked_json   files that say what they must be: Parquet, versions of tables, small ones
sizes                    where the bytes of a store are
log, experiments         numbered logs: changes decided against all that came before
registry, registered     registered models, their versions and aliases; what the entries of their log come to
blobs                    files kept by their content
row_files                Parquet files of rows for others, written batch by batch
"""
