"""Certificates that the lab's servers show, and that its nodes believe."""

from .base import run
from .net import SUBNET

ADDRESS = f"{SUBNET}.1"                               # the bridge itself: every node reaches it, whoever is cut off


def certificate(directory, name):
    """Of a server at ADDRESS: the files of the certificate and of its key."""
    cert, key = directory / "cert.pem", directory / "cert.key"
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{ADDRESS}", "-keyout", key, "-out", cert])
    return cert, key


def believe(node, cert):
    hashed = run(["openssl", "x509", "-noout", "-subject_hash", "-in", cert]).out.strip()
    node.write(f"/etc/ssl/certs/{hashed}.0", cert.read_text())
