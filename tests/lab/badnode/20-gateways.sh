# Gateways and their configuration. The first one runs, with a configuration that was broken after it had started.
bot=81$(random 8 0-9):AA$(random 33)
key=sk-ant-api03-$(random 93)AA
config() {  # DIRECTORY, text on stdin
  install -d -m 0700 "$1"
  cat >"$1/openclaw.json"
  chmod 600 "$1/openclaw.json"
}

echo '{"gateway": {"mode": "local", "port": 18789, "auth": {"mode": "token", "token": "x"}}}' | config /root/.openclaw
systemctl start openclaw-gateway.service
until_true curl -fs -m 2 -o /dev/null http://127.0.0.1:18789/readyz

# GW-005: somebody started another one by hand, for the same port
echo '{"gateway": {"mode": "local", "port": 18789, "auth": {"mode": "token", "token": "y"}}}' | config /root/.openclaw-hand
HOME=/root OPENCLAW_STATE_DIR=/root/.openclaw-hand STANDIN_BIND_TRIES=100000 setsid $openclaw gateway </dev/null >/dev/null 2>&1 &

# GW-001: a key that its version does not take
# GW-002: an API that no release knows
# GW-003: a rate-limited provider goes first
# GW-012: a provider that nobody defined
# GW-014: it updates itself; mesh.toml pins the version
# SEC-008: open to the network, and asks for nothing
# SYS-018: its key stands in the shell's profile only
config /root/.openclaw <<'EOF'
{
  // the gateway of this house
  "gateway": { "mode": "local", "bind": "lan", "port": 18789, "auth": { "mode": "none" } },
  "crestodian": { "rescue": true },
  "logging": { "file": "/var/log/claw/gateway.log" },
  "update": { "auto": { "enabled": true } },
  "session": { "maintenance": { "maxDiskBytes": "1mb" } },
  "agents": { "defaults": { "model": {
    "primary": "gemini/flash",
    "fallbacks": [ "anthropic/claude-sonnet-5", "nosuch/model" ]
  } } },
  "models": { "providers": { "gemini": {
    "baseUrl": "https://generativelanguage.googleapis.com/v1beta", "api": "google", "apiKey": "${GEMINI_API_KEY}",
    "models": [ { "id": "flash", "name": "flash" } ]
  } } }
}
EOF
echo export GEMINI_API_KEY=AIza$(random 35) >>/root/.bashrc
chmod 600 /root/.bashrc

# GW-010: sessions over the budget
install -d -m 0700 /root/.openclaw/agents/main/sessions
for day in 1 2 3; do
  head -c 900000 /dev/urandom >/root/.openclaw/agents/main/sessions/day$day.jsonl.zst
  touch -d "$day days ago" /root/.openclaw/agents/main/sessions/day$day.jsonl.zst
done

# GW-004: no fallback
# GW-013: the log file of the first one
# GW-007: the bot of the next one
config /root/.openclaw-two <<EOF
{
  "gateway": { "mode": "local", "port": 18790, "auth": { "mode": "token", "token": "\${GW_TOKEN}" } },
  "logging": { "file": "/var/log/claw/gateway.log" },
  "agents": { "defaults": { "model": { "primary": "anthropic/claude-sonnet-5" } } },
  "channels": { "telegram": { "botToken": "$bot" } }
}
EOF
# GW-008: a comma is missing; the last good copy lies beside it
config /root/.openclaw-three <<EOF
{
  "gateway": { "mode": "local", "port": 18791, "auth": { "mode": "token", "token": "\${GW_TOKEN}" } },
  "channels": { "telegram": { "botToken": "$bot" } }
}
EOF
cp -p /root/.openclaw-three/openclaw.json /root/.openclaw-three/openclaw.json.last-good
sed -i '2s/,$//' /root/.openclaw-three/openclaw.json
config /root/.openclaw-four <<EOF
{ "gateway": { "mode": "local", "port": 18792 }, "channels": { "telegram": { "botToken": "$bot" } } }
EOF
# GW-011: an empty database
install -d -m 0700 /root/.openclaw-two/state
install -m 0600 /dev/null /root/.openclaw-two/state/openclaw.sqlite

# GW-006: something else holds the port of an enabled gateway
good_unit two 18790 "whose port is taken" >$units/openclaw-two.service
systemd-run -q --collect --unit=web /usr/bin/python3 -m http.server --bind 127.0.0.1 18790

# GW-009: an older version beside the others
cp -r /opt/claw /opt/older
sed -i 's/2026.9.6/2026.8.1/' /opt/older/package.json /opt/older/dist/build-info.json
good_unit older 18793 "of another version" | sed 's,/opt/claw/,/opt/older/,g' >$units/openclaw-older.service
cp -rp /root/.openclaw-idle /root/.openclaw-older
good_unit three 18791 "whose configuration is broken" >$units/openclaw-three.service
systemctl daemon-reload
systemctl enable -q openclaw-two.service openclaw-three.service openclaw-older.service

# GW-015: its files were replaced while it ran
touch -d '2 hours' /opt/claw/dist/build-info.json /opt/claw/package.json

# SEC-006: others can read the state
chmod 755 /root/.openclaw-four
chmod 644 /root/.openclaw-four/openclaw.json
# SEC-009: a key for everybody, and one in a history
printf 'MODE=x\nANTHROPIC_API_KEY=%s\n' "$key" >/etc/claw.env
chmod 644 /etc/claw.env
# SEC-010: it is old
# SEC-011: the same one where things are tried
install -d -m 0700 /root/.openclaw-staging
for place in /root/.openclaw-four /root/.openclaw-staging; do
  printf 'ANTHROPIC_API_KEY=%s\n' "$key" >$place/.env
  chmod 600 $place/.env
  touch -d '200 days ago' $place/.env
done
# SEC-012: and nobody notes who reads it
