"""Targets: compute targets, their registry, and how a driver is launched on one."""
