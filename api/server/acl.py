"""Access control lists of Linux (POSIX): permit one more user to traverse a folder.

The layout of the extended attribute is defined in Linux's posix_acl_xattr.h, its meaning in acl(5).
"""

import errno
import os
import struct
import sys
from pathlib import Path

ACL = "system.posix_acl_access"
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NO_ID = 0xFFFFFFFF


def permit_traversal(folder: Path, uid: int) -> None:
    """Permit this user to traverse a folder; chmod would permit every user.

    Raises OSError if the file system has no ACLs.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        entries = struct.iter_unpack("<HHI", os.getxattr(folder, ACL)[4:])
        acl = {(tag, id): perm for tag, perm, id in entries}
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mode = folder.stat().st_mode
        bits = {USER_OBJ: mode >> 6 & 7, GROUP_OBJ: mode >> 3 & 7, OTHER: mode & 7}
        acl = {(tag, NO_ID): perm for tag, perm in bits.items()}
    # Permissions that the old mask withheld must stay withheld under the new mask.
    old = acl.pop((MASK, NO_ID), 7)
    acl = {key: perm & (7 if key[0] in (USER_OBJ, OTHER) else old) for key, perm in acl.items()}
    acl[USER, uid] = acl.get((USER, uid), 0) | 1
    mask = 0
    for (tag, _), perm in acl.items():
        mask |= perm if tag in (USER, GROUP_OBJ, GROUP) else 0
    acl[MASK, NO_ID] = mask
    packed = [struct.pack("<HHI", tag, perm, id) for (tag, id), perm in sorted(acl.items())]
    os.setxattr(folder, ACL, struct.pack("<I", 2) + b"".join(packed))
