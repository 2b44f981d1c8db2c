"""The verbs that read, and whoever wants both sides: reading what this process has logged needs a flush first.

reading      runs, metric histories and experiments by id or name
artifacts    listing, downloading and loading what runs keep
"""
