"""The kind of file system that a file lies on."""

from __future__ import annotations

from pathlib import Path

import psutil

#: File systems of one machine, on which its processes share memory-mapped files.
_LOCAL = frozenset(
    [
        "apfs",
        "bcachefs",
        "btrfs",
        "exfat",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "hfs",
        "jfs",
        "msdos",
        "ntfs",
        "ntfs3",
        "overlay",
        "ramfs",
        "reiserfs",
        "tmpfs",
        "ufs",
        "vfat",
        "xfs",
        "zfs",
    ]
)


def file_system_of(path: Path) -> str:
    """Return the name of the file system that a path lies on; empty when it is not known.

    Examples
    --------
    >>> file_system_of(Path("/proc/self"))
    'proc'
    """
    path = path.resolve()
    mounted = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    for folder in (path, *path.parents):
        if folder in mounted:
            return str(mounted[folder]).lower()
    return ""


def is_local(file_system: str) -> bool:
    """Whether all processes that use such a file system are on one machine.

    A name that is not known counts as a network's.

    Examples
    --------
    >>> is_local("ext4"), is_local("nfs4"), is_local("fuse.sshfs")
    (True, False, False)
    """
    return file_system in _LOCAL
