"""Provisioning: VM sizes, scale settings and environments of a compute target."""
