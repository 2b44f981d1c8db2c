"""Models that answer: over HTTP, or for a file of rows.

settings     what a server is told
refusals     what a request is told that is not answered
content      in which form a body comes
bodies       from the bytes of a body to what the model is asked with
strict_json  JSON that is believed
answers      what the model says, as JSON
tables       the same as a table
asking       the model and those that wait for it: single rows are asked together where that is quicker
threads      where the model is asked
app          what is at which address
door         who may come in
connections  requests that come in time, and not without end
description  what is served, for programs
shown        what is served, for people
server       one process that serves
workers      several of them
files        files of rows, chunk by chunk
"""
