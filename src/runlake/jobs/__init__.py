"""Work done later from what is in the store: a job is a row of its run, so any process can do it.

queue         adding a job to a run, and what the end of the program does about it
kinds         what jobs there are, and what the function of one is given
claims        who does a job: create-if-absent, one file for each attempt
attempts      doing a job in this process, and its outcome as a row
apart         doing a job in a process of its own, which may crash, hang or be killed
runner        every pending job of a store: once, or until nothing comes any more
slots         how many runners a machine has

python -m runlake.jobs STORE
"""
