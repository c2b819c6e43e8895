"""Schedules as Debian's cron itself runs them: 300 around this moment, for two minutes. What it did is held against the
reader of crontabs by test_formats, which has the reader."""

import datetime
import os
import random

import pytest
from lab import run, wait_until
from lab.core import REPO

pytestmark = [pytest.mark.lab]
FORMATS = REPO / "build/release/test_formats"
NAMES = {3: "jan feb mar apr may jun jul aug sep oct nov dec".split(), 4: "sun mon tue wed thu fri sat".split()}
RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def field(chance, index, now):
    """One of five fields, as often as not true of this moment."""
    low, high = RANGES[index]
    value = now if chance.random() < 0.6 else chance.randint(low, high)
    if index in NAMES and chance.random() < 0.3:
        return NAMES[index][(value - low) % len(NAMES[index])]
    begin, end = chance.randint(low, value), chance.randint(value, high)
    return chance.choice(["*", "*", str(value), f"*/{chance.randint(1, 7)}", f"{begin}-{end}",
                          f"{begin}-{end}/{chance.randint(1, 3)}", f"{chance.randint(low, high)},{value}"])


def schedules(now, count):
    chance = random.Random(1987)
    for _ in range(count):
        minute = now + datetime.timedelta(minutes=chance.randint(0, 2))
        moment = (minute.minute, minute.hour, minute.day, minute.month, minute.isoweekday() % 7)
        yield " ".join(field(chance, i, part) for i, part in enumerate(moment))


@pytest.mark.skipif(not FORMATS.exists(), reason="no test_formats: ./dev build")
def test_cron_runs_what_the_reader_says(lab, tmp_path):
    node = lab.add("clockwork")
    node.run("timedatectl set-timezone UTC || ln -sf /usr/share/zoneinfo/UTC /etc/localtime; systemctl restart cron", check=False)
    all_of_them = list(schedules(datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None), 300))
    node.write("/usr/local/bin/ran", "#!/bin/sh\ndate -u +%FT%H:%M >>/var/tmp/ran/$1\n", mode=0o755)
    lines = [f"{when} root /usr/local/bin/ran {i}" for i, when in enumerate(all_of_them)]
    node.run("mkdir /var/tmp/ran")
    node.write("/etc/cron.d/clockwork", "\n".join([*lines, "* * * * * root /usr/local/bin/ran always"]) + "\n")

    def minutes():
        """Those in which cron was awake, but for the last, of which something may still be under way."""
        return node.sh("sort -u /var/tmp/ran/always 2>/dev/null", check=False).split()[:-1]

    seen = wait_until("cron to run for two whole minutes", lambda: len(minutes()) >= 2 and minutes(), 300, 2)
    ran = [set(node.sh(f"cat /var/tmp/ran/{i} 2>/dev/null", check=False).split()) for i in range(len(all_of_them))]
    record = tmp_path / "ran"
    record.write_text("".join(f"{minute} {int(minute in ran[i])} {when}\n"
                              for i, when in enumerate(all_of_them) for minute in seen))
    assert any(minute in ran[i] for i in range(len(all_of_them)) for minute in seen)
    done = run([FORMATS, "--gtest_filter=*TheDaemonRanWhatWeSayItRuns"], check=False,
               env={**os.environ, "MESHOPS_CRON_RAN": str(record)})
    assert done.code == 0 and "PASSED" in done.out, done
    node.poweroff()
