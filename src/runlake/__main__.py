"""`python -m runlake` is the command `runlake`."""

from runlake.cli import main

main()
