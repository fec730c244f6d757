"""Content ids: the same inputs have the same id on every machine."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel


def canonical(value: Any) -> bytes:
    """Serialize plain data (and records) as JSON with sorted keys and no spaces, UTF-8, unescaped."""
    return _ENCODER.encode(value).encode("utf-8", errors="surrogatepass")


def sha256(value: Any) -> str:
    """Hash plain data or records; 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def content_id(prefix: str, value: Any) -> str:
    """Short id such as `t_3f0c…`: a prefix and 80 bits of the hash, so collisions are out of reach."""
    return f"{prefix}_{sha256(value)[:20]}"


def seed_from(*parts: object) -> int:
    """Derive a 63-bit random seed from the parts, independent of the process's hash seed."""
    digest = hashlib.sha256(canonical([str(part) for part in parts])).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no canonical form")


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
"""Made once: `json.dumps` makes one for every call."""
