"""Turns an object's key, as a bucket notification spells it, into the key itself and a URI of just that.

AWS S3 and MinIO encode the key as web forms do: a space becomes `+`, what is not plain ASCII `%XX`. The
Versity gateway writes it as it is. Read the wrong way, `100%25 love+hate.mp3` is lost or is another track.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from consumer.events import Spelling

_IMPOSSIBLE: Final = re.compile(r"[^!-~]|[\"#<>?\\^`{|}]|%(?![0-9A-Fa-f]{2})")
"""What no encoder leaves: a space, what is not ASCII, what a URI cannot hold, a lone percent sign.

Others (`&`, `=`, `@`, quotation marks) are left by some encoders, and tell nothing.
"""


def decode_key(key: str) -> str | None:
    """Decode a key that is spelled as web forms do; null where it is none."""
    if _IMPOSSIBLE.search(key):
        return None
    try:
        return unquote_to_bytes(key.replace("+", " ")).decode()
    except UnicodeDecodeError:
        return None


def uri_of(bucket: str, key: str) -> str:
    """Give the percent-encoded URI of an object."""
    return f"s3://{bucket}/{quote(key, safe='/')}"


def spelling_of(message: dict[str, Any], objects: list[tuple[str, dict[str, Any]]]) -> Spelling | None:
    """Tell how a message spells keys by what it gives away; null where it gives nothing away.

    One store writes the whole message, so that one of its objects speaks for all.

    Parameters
    ----------
    message : dict
        The notification.
    objects : list of (bucket, object)
        Its `s3.object` members, each with its bucket's name and a string as `key`.
    """
    if any(decode_key(item["key"]) is None for _, item in objects):
        return "literal"
    if any(str(item.get("eTag")).startswith('"') for _, item in objects):
        return "literal"  # Versity: AWS and MinIO write it bare
    if len(objects) == 1:  # MinIO says at the top, not encoded, what its only record is about
        bucket, item = objects[0]
        if message.get("Key") == f"{bucket}/{decode_key(item['key'])}":
            return "encoded"
        if message.get("Key") == f"{bucket}/{item['key']}":
            return "literal"
    return None
