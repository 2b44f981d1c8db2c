"""The run store: the only package that knows how runs lie on disk.

layout, names, put_new   where things lie, what they are called, how they come into being
frames, columns          how points and events become checked bytes, and back
writer                   appends frames to the write-ahead log of this process
tail, view               read one log, and all of them as one
blobs                    files kept by their content
"""
