"""What a row of the fault matrix is. A row is data and one small function that hurts a site."""

from dataclasses import dataclass, field
from typing import Callable

from ..site import STATE

CONFIG = f"{STATE}/openclaw.json"


# ---- what a fault does, when nobody heals ---------------------------------------------------------------------

@dataclass(frozen=True)
class Down:
    """It ends with this code (or signal, negative) and says this."""
    code: int
    says: str


@dataclass(frozen=True)
class Says:
    """It stays ready and says this: only the line tells."""
    says: str


@dataclass(frozen=True)
class TurnsFail:
    """It stays ready, its turns do not succeed, and it says this."""
    says: str


@dataclass(frozen=True)
class Silent:
    """Its process is there and answers nothing."""


@dataclass(frozen=True)
class Shown:
    """A command of the node prints this; the gateway may be well."""
    command: str
    prints: str


@dataclass(frozen=True)
class Played:
    """Not injected: these lines, as other programs write them, are given to `meshops diagnose --logs`."""
    lines: str


# ---- a row ----------------------------------------------------------------------------------------------------

@dataclass(frozen=True, kw_only=True)
class Fault:
    name: str
    what: str                                # one sentence, for the table
    effect: Down | Says | TurnsFail | Silent | Shown | Played
    causes: tuple = ()                       # right, the best first; none: no cause of a service, only an event
    by: str = "machine"                      # who mends it: machine, consent (a machine, if mesh.toml allows) or person
    remedies: tuple = ()                     # any of these is right; none by a machine: supervision alone (a new start)
    or_alone: bool = False                   # a plain new start by the supervision is right, too
    inject: Callable | None = None           # what is done to a ready gateway
    prepare: Callable | None = None          # before its start: what is no fault yet
    settings: dict = field(default_factory=dict)     # STANDIN_*, before its start
    ready: Callable | None = None            # when it counts as healed; else /readyz 200 and a turn that succeeds
    undo_restores: tuple = ()                # files that `meshops undo` gives back as they were before the treatment
    during: tuple = ()                       # (phase of healing, what happens then): a fault on top of the treatment
    kinds: frozenset = frozenset()           # pair, during, real (also with the real gateway), process, user
    only: str = ""                           # a runtime, when it exists only there
    never: str = ""                          # a line that must not appear while it is healed
    patience: float = 60.0                   # how long healing may take

    @property
    def consent(self):
        return self.remedies if self.by == "consent" else ()

    @property
    def played(self):
        return isinstance(self.effect, Played)


EVERYWHERE = frozenset({"real", "process", "user"})
REAL = frozenset({"real"})
PAIR = frozenset({"pair"})
DURING = frozenset({"during"})
