"""Providers: where the machines of a compute target come from.

`local_*` are raylets on this machine, `launcher*` use Ray's cluster launcher, `kubernetes` writes
KubeRay manifests.
"""
