"""Projects: code that says how it is run, in a folder or a git repository; each time it is run is a run.

`run` starts one, and `SubmittedRun` is what it gives. The command `runlake run` does the same; `runlake rerun` runs a run again.
"""

from __future__ import annotations

from runlake.projects.submitted import SubmittedRun, run

__all__ = ["SubmittedRun", "run"]
