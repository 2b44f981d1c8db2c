"""Two runs, one beside the other: what differs between them, that first which matters most.

changes     what both say under the same keys
scores      their metrics, and which of them is better
files       code, packages, machine, data sets and artifacts, by what was recorded of them
whole       all of it: a Comparison
"""

from runlake.read.comparing.whole import Comparison, compare

__all__ = ["Comparison", "compare"]
