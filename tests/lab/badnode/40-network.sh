# SSH, names, the firewall. The node must be reachable all the same.
# SSH-007: passwords
# SSH-008: root with a password
# SSH-009: a weak cipher
# SSH-011: forwarded ports for everybody
printf '%s\n' 'PasswordAuthentication yes' 'PermitRootLogin yes' 'Ciphers aes256-gcm@openssh.com,3des-cbc' 'GatewayPorts yes' >/etc/ssh/sshd_config.d/00-weak.conf
# SSH-001: a short RSA key
# SSH-002: that others may read
# SSH-003: the agent goes everywhere
# SSH-004: a value that never takes effect
# SSH-005: no keepalive to the mesh
install -d -m 0755 -o claw -g claw /home/claw/.ssh
ssh-keygen -q -t rsa -b 2048 -N '' -C claw@bad -f /home/claw/.ssh/id_rsa
printf 'Host *\n    ForwardAgent yes\n    Port 22\n\nHost peer\n    HostName %s\n    Port 2222\n' "$PEER" >/home/claw/.ssh/config
chown claw:claw /home/claw/.ssh/*
chmod 644 /home/claw/.ssh/id_rsa
# SSH-010: a key of the mesh without a forced command
# SSH-006: which the peer's key is not here, nor this one's there
ssh-keygen -q -t ed25519 -N '' -C meshops@elsewhere -f /root/mesh
install -d -m 0700 /root/.ssh
cat /root/mesh.pub >>/root/.ssh/authorized_keys
rm /root/mesh /root/mesh.pub
chmod 600 /root/.ssh/authorized_keys
systemctl restart ssh.service

# NET-001: a CNAME at the top
install -d /etc/bind
printf '$TTL 1h\n@ IN SOA ns root 1 2 3 4 5\n@ IN NS ns\n@ IN CNAME lb.example.net.\n' >/etc/bind/db.example.org
# NET-004: a listener that nobody decided on
systemd-run -q --collect --unit=dashboard /usr/bin/python3 -m http.server --bind 0.0.0.0 3000
# NET-005: old TLS
# NET-006: a certificate that ends in four days
install -d /etc/nginx/sites-enabled
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 4 -subj /CN=gw.example.org -keyout /etc/ssl/gw.key -out /etc/ssl/gw.pem 2>/dev/null
chmod 600 /etc/ssl/gw.key
printf '%s\n' 'server {' '    listen 443 ssl;' '    server_name gw.example.org;' '    ssl_protocols TLSv1 TLSv1.2;' '    ssl_certificate /etc/ssl/gw.pem;' \
  '    ssl_certificate_key /etc/ssl/gw.key;' '}' >/etc/nginx/sites-enabled/gw
# NET-007: the hosts file knows an old address of the peer
sed -i "s/^$PEER /10.99.99.9 /" /etc/hosts
# NET-009: five servers, and a word
printf 'nameserver 192.0.2.%s\n' 1 2 3 4 5 >/etc/resolv.conf

# SEC-001: what no rule names is let in
# SEC-002: a port that nobody uses
nft -f - <<'EOF'
table inet filter {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport { 22, 8081 } accept
  }
}
EOF
# SEC-003: fail2ban does not run
# SEC-004: and may lock the mesh out when it does
: >/var/log/auth.log
# SEC-013: no upgrades by themselves
