"""A digest of the code that fills a store. A stored database is reused while it is unchanged."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def digest_of(*places: str) -> str:
    """Hash the names and contents of files, and of all files in folders; 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for place in places:
        path = ROOT / place
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and file.suffix in {".py", ".sql", ".txt"}:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]
