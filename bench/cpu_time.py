"""What the benches measure by: wall clocks lie on a shared machine."""

import resource
import subprocess


def cpu_seconds(command, env=None, good=(0,)):
    """User and system time of a whole process; ends the bench when its exit code is not a good one."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in good:
        raise SystemExit(f"{command[0]} exited {done.returncode}: {done.stderr.strip()[:400]}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
