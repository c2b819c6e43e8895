# Files of containers, and suppressions. The running containers are the engine's, beside the node (test_badnode.py).
# DOC-004 DOC-005 DOC-013: no limits, endless logs, does not come back
install -d /opt/stack
cat >/opt/stack/compose.yaml <<'EOF'
services:
  web:
    image: nginx:1.27.3
    ports:
      - "127.0.0.1:8080:80"
EOF

# SUP-001: it was to be mended by last year
# SUP-002: no reason is given
patient_unit "Has excuses" >$units/suppressed.service <<'EOF'
# meshops:allow SYS-007 until=2025-12-31 reason="the new unit comes with the next release"
StartLimitIntervalSec=10
# meshops:allow SYS-006 until=2099-12-31
StartLimitBurst=5
EOF
systemctl enable -q suppressed.service

# SYS-011: changed after systemd has read it; the last of all, since systemctl enable reads anew
echo '# one more line' >>$units/patient.service
