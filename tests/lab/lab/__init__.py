"""The lab: real nodes with a real systemd, on a private network, with faults injected for real.

    with Lab(nodes=["alpha", "beta"]) as lab:
        lab["alpha"].run("systemctl start openclaw-gateway")
        lab.link("alpha", "beta").cut("alpha")           # beta hears nothing from alpha any more
"""

from . import faults
from .base import LabError, Result, Timeout, interruptible, run, say, wait_until
from .bucket import Bucket
from .core import Lab, find_meshops, openclaw_dir, sweep, why_not
from .mesh import HealingMesh
from .node import Node
from .patient import Patient
from .provider import Cloud
from .site import Site, pid_of

__all__ = ["Bucket", "Cloud", "HealingMesh", "Lab", "LabError", "Node", "Patient", "Result", "Site", "Timeout", "faults", "find_meshops", "interruptible", "openclaw_dir", "pid_of", "run", "say",
           "sweep", "wait_until", "why_not"]
