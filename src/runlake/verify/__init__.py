"""Whether autologging changes a program: it is run twice as it is and once recorded, and what it did is compared.

running    the three runs, and what each came to
observer   what is first in each of them: it sees the models, and tells at the end
telling    the end: random states and models by their digests
comparing  what is the same, what differs by itself, and what autologging changed
"""

from runlake.verify.comparing import Finding, Verdict, compared
from runlake.verify.running import Observed, Recorded, observed

__all__ = ["Finding", "Observed", "Recorded", "Verdict", "compared", "observed"]
