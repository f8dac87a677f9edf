"""POSIX ACLs, as Linux keeps them: one user more is let through a folder, and nobody else."""

import errno
import os
import struct
import sys
from pathlib import Path

ACL = "system.posix_acl_access"
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NO_ID = 0xFFFFFFFF


def let_pass(folder: Path, uid: int) -> None:
    """Let just this user pass through a folder; a chmod would let everyone."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        entries = struct.iter_unpack("<HHI", os.getxattr(folder, ACL)[4:])
        acl = {(tag, who): perm for tag, perm, who in entries}
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mode = folder.stat().st_mode
        bits = {USER_OBJ: mode >> 6 & 7, GROUP_OBJ: mode >> 3 & 7, OTHER: mode & 7}
        acl = {(tag, NO_ID): perm for tag, perm in bits.items()}
    # What the old mask withheld from an entry stays withheld under the new one.
    old = acl.pop((MASK, NO_ID), 7)
    acl = {key: perm & (7 if key[0] in (USER_OBJ, OTHER) else old) for key, perm in acl.items()}
    acl[USER, uid] = acl.get((USER, uid), 0) | 1
    mask = 0
    for (tag, _), perm in acl.items():
        mask |= perm if tag in (USER, GROUP_OBJ, GROUP) else 0
    acl[MASK, NO_ID] = mask
    packed = [struct.pack("<HHI", tag, perm, who) for (tag, who), perm in sorted(acl.items())]
    os.setxattr(folder, ACL, struct.pack("<I", 2) + b"".join(packed))
