"""The fault matrix: every fault that the lab injects for real, as data and one small function each.

Used by the matrix run (test_matrix.py), its self-check (test_faults_are_real.py) and the comparison of healers
(bench/healers.py). A row says what is done to the node, what that does to a gateway that nobody heals, which cause is
right and who can mend it. Ids of causes and remedies are those of docs/causes.md. It judges nothing itself.
"""

from .combined import DURING_HEALING, PAIRS
from .configuration import CONFIGURATION
from .played import PLAYED
from .processes import PROCESSES
from .row import CONFIG, Down, Fault, Played, Says, Shown, Silent, TurnsFail
from .services import SERVICES
from .storage import STORAGE

ROWS = (*CONFIGURATION, *PROCESSES, *STORAGE, *SERVICES, *PAIRS, *DURING_HEALING, *PLAYED)

__all__ = ["CONFIG", "Down", "Fault", "Played", "ROWS", "Says", "Shown", "Silent", "TurnsFail"]
