# Disks, limits, crontabs, backups.
# LNX-001: everybody may write what root runs
install -d /opt/app
printf '#!/bin/sh\nexec sleep 1\n' >/opt/app/run.sh
chmod 777 /opt/app/run.sh

# LNX-002: a deleted log that its writer still holds
systemd-run -q --collect --unit=holder /usr/bin/python3 -c 'import os, time
log = open("/var/log/holder.log", "wb"); log.write(bytes(80 << 20)); log.flush(); os.unlink("/var/log/holder.log"); time.sleep(1e6)'

# LNX-006 LNX-007: a disk of 16 MB without room (test_badnode.py brings it)
head -c 20000000 /dev/zero >/srv/small/data 2>/dev/null || true
for i in $(seq 100); do touch /srv/small/$i 2>/dev/null || break; done

# LNX-010: a journal that may take the disk
printf '[Journal]\nStorage=persistent\nSystemMaxUse=20G\n' >/etc/systemd/journald.conf.d/lab.conf

# LNX-011: a process at its limit of open files
systemd-run -q --collect --unit=greedy --property=LimitNOFILE=64 /usr/bin/python3 -c 'import time
held = [open("/dev/null") for _ in range(58)]; time.sleep(1e6)'

# LNX-012: a parent that does not look after its children
systemd-run -q --collect --unit=parent /usr/bin/python3 -c 'import os, time
for _ in range(12):
    if os.fork() == 0: os._exit(0)
time.sleep(1e6)'

# CRON-001: found in a home only
# CRON-004: no copy of it
# CRON-006: it may run beside itself
install -d -o claw -g claw /home/claw/.npm-global /home/claw/.npm-global/bin
printf '#!/bin/sh\n' >/home/claw/.npm-global/bin/openclaw
chmod 755 /home/claw/.npm-global/bin/openclaw
printf '0 7 * * * openclaw agent --message hi\n* * * * * scp -q /srv/a backup:/srv/\n' >/var/spool/cron/crontabs/claw
chown claw:crontab /var/spool/cron/crontabs/claw
chmod 600 /var/spool/cron/crontabs/claw
# CRON-002: nine o'clock, but where?
ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime
echo Europe/Berlin >/etc/timezone
printf '0 9 * * * root /opt/app/run.sh\n' >/etc/cron.d/report
# CRON-003: a service that cron keeps alive
# CRON-005: a loop with sleep
printf '@reboot root /opt/app/serve.sh\n' >/etc/cron.d/serve
printf '#!/bin/sh\nwhile true; do curl -fsS http://127.0.0.1:1/ || true; sleep 5; done\n' >/opt/app/serve.sh
chmod 755 /opt/app/serve.sh
# CRON-007: cron does not read it like this
printf '0 3 * * * root /opt/app/run.sh\n' >/etc/cron.d/loose
chmod 664 /etc/cron.d/loose
# CRON-008: a heartbeat
# MSH-003: another one that restarts the gateway
printf '*/5 * * * * root curl -fsS http://127.0.0.1:18789/healthz || systemctl restart openclaw-gateway\n' >/etc/cron.d/watch

# MSH-004: the peer has stopped thinking aloud; of far nothing ever came
install -d /srv/hive/bad /srv/hive/peer
echo '{}' >/srv/hive/bad/now.json
echo '{}' >/srv/hive/peer/then.json
touch -d '2 days ago' /srv/hive/peer/then.json

# BKP-001 BKP-002 BKP-003 BKP-006: in mesh.toml, one copy on the same disk, never made, never restored
# BKP-004: nothing is ever thrown away
# BKP-005: data goes with one word
# BKP-007: a live database is copied
printf '%s\n' '#!/bin/sh' 'tar -czf /var/backups/claw-$(date +%F).tgz /root/.openclaw' \
  'cp /root/.openclaw/state/openclaw.sqlite /var/backups/openclaw.sqlite' 'rm -rf /srv/photos' >/opt/app/backup.sh
chmod 755 /opt/app/backup.sh
printf '0 4 * * * root /opt/app/backup.sh\n' >/etc/cron.d/backup
