# Units as they are found in the field.
units=/etc/systemd/system
good_state() {  # DIRECTORY
  install -d -m 0700 $1
  echo '{"gateway": {"mode": "local", "auth": {"mode": "token", "token": "${GW_TOKEN}"}}}' >$1/openclaw.json
  echo GW_TOKEN=$(random 32) >$1/.env
  chmod 600 $1/openclaw.json $1/.env
}
good_state /root/.openclaw-parked
good_state /root/.openclaw-idle

# SYS-001 SYS-002 SYS-003 SYS-004 SYS-013 SYS-014 SYS-015 SYS-017: the unit of a tutorial
# SYS-005: the start limit where systemd ignores it
# SYS-006: a typing error
# SEC-007: no User=, so it is root
cat >$units/openclaw-gateway.service <<EOF
[Unit]
Description=OpenClaw gateway
After=network.target

[Service]
ExecStart=$openclaw gateway --port 18789
Environment=HOME=/root
Restart=on-failure
WatchdogSec=600
TimeoutStartSec=30
TimeoutStopSec=10
StartLimitIntervalSec=300
MemoryLimmit=2G

[Install]
WantedBy=multi-user.target
EOF

# SYS-012: a second unit for the same port and state
sed 's/^Description=.*/&, the second one/' $units/openclaw-gateway.service >$units/openclaw-twin.service

# SYS-007: a start limit that can never trip
patient_unit() {  # DESCRIPTION, more lines of [Unit] on stdin
  printf '[Unit]\nDescription=%s\n' "$1"
  cat
  cat <<'EOF'

[Service]
ExecStart=/usr/bin/sleep infinity
Restart=always
RestartSec=30

[Install]
WantedBy=multi-user.target
EOF
}
printf 'StartLimitIntervalSec=10\nStartLimitBurst=5\n' | patient_unit "Fails for ever" >$units/patient.service

# SYS-008: it failed five times in a row; what made it fail has been mended since
good_unit() {  # PROFILE PORT WHAT
  cat <<EOF
[Unit]
Description=OpenClaw gateway, $3
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=2

[Service]
ExecStart=$openclaw gateway --port $2
Environment=HOME=/root OPENCLAW_STATE_DIR=/root/.openclaw-$1
Restart=always
RestartSec=1
TimeoutStartSec=300
TimeoutStopSec=330
KillMode=mixed
MemoryMax=2G

[Install]
WantedBy=multi-user.target
EOF
}
good_unit parked 18801 "parked by its start limit" >$units/openclaw-parked.service
echo STANDIN_MISSING_MODULE=gateway.js >/root/.openclaw-parked/standin.env

# SYS-010: it runs, and nobody enabled it
good_unit idle 18802 "not enabled" >$units/openclaw-idle.service

# SYS-016: its program went away with an update
cat >$units/gone.service <<'EOF'
[Service]
ExecStart=/opt/gone/bin/run --daemon

[Install]
WantedBy=multi-user.target
EOF

# SYS-009: a service of a user who does not linger
rm -f /var/lib/systemd/linger/claw
own=/home/claw/.config/systemd/user
install -d -m 0700 $own/default.target.wants
good_unit work 18803 "of a user" | sed -e 's,=/root,=%h,g' -e 's/multi-user/default/' >$own/openclaw-work.service
ln -s ../openclaw-work.service $own/default.target.wants/openclaw-work.service
good_state /home/claw/.openclaw-work
chown -R claw:claw /home/claw/.config /home/claw/.openclaw-work

systemctl daemon-reload
systemctl enable -q openclaw-gateway.service openclaw-twin.service openclaw-parked.service patient.service gone.service
systemctl start patient.service openclaw-idle.service
systemctl start openclaw-parked.service
until_true systemctl is-failed -q openclaw-parked.service
rm /root/.openclaw-parked/standin.env
