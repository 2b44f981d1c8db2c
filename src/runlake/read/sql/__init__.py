"""A store in SQL: asked here, as it is at this moment, or by programs that read its tables without us, by views that know its rules.

Both stand on the same queries. `names` is what a view is, `folding` gives the current state out of events and summaries, `shown` what
people ask for, `facts` what no table has. `rows` gathers what is asked here, `allowed` says what may be, `asking` asks; `printed` is
for others.
"""

from runlake.read.sql.asking import sql
from runlake.read.sql.folding import FOLDED
from runlake.read.sql.printed import statements, views
from runlake.read.sql.shown import EXPERIMENTS, MACROS, RUNS_AND_MORE

__all__ = ["MACROS", "VIEWS", "sql", "statements", "views"]

_ORDER = "runs params metrics points tags artifacts experiments datasets models"

VIEWS = tuple(each for name in _ORDER.split() for each in (*FOLDED, *RUNS_AND_MORE, EXPERIMENTS) if each.name == name)
