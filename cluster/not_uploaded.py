"""Files that never leave this machine with a project folder."""

from __future__ import annotations

#: Patterns as in ``.gitignore``: what is large or of this machine only, and what holds secrets.
#: Ray's launcher applies them to its own files, too: to the token and to the key for the nodes.
NOT_MOUNTED = (
    ".raysmith",
    ".git",
    ".venv",
    "__pycache__",
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    ".netrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".aws",
    ".azure",
    ".gcloud",
    ".kube",
    ".ssh",
    ".gnupg",
    "credentials.json",
    "service-account*.json",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
)
#: The same and keys: of a project folder that goes with a job.
NOT_UPLOADED = (
    *NOT_MOUNTED,
    ".raysmith-token",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.keystore",
)
