"""Decrypt values of RxDB's encryption plugin with the password.

A value is `CryptoJS.AES.encrypt(JSON.stringify(value), password)`: OpenSSL's `Salted__` format, AES-256-CBC,
key and IV by EVP_BytesToKey with one round of MD5.  It has no integrity tag, so the password is checked
against the stored hash before anything is decrypted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

PREFIX = "U2FsdGVkX1"
"""Prefix of every encrypted value: base64 of `Salted__`."""


class WrongPassword(ValueError):
    """The text does not decrypt to JSON."""


def matches(password: str, stored_hash: str) -> bool:
    """Return whether a password is the one that a database was created with: SHA-256 of its JSON text."""
    text = json.dumps(password, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() == stored_hash


def decrypt_value(text: str, password: str) -> Any:
    """Return the value of an encrypted field.  Raises WrongPassword if the result is no JSON."""
    try:
        return json.loads(decrypt(text, password).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise WrongPassword("does not decrypt to JSON") from error


def decrypt(text: str, password: str) -> bytes:
    """Decrypt an OpenSSL-format text to bytes.  Raises WrongPassword for bad padding or another format."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WrongPassword("not base64") from error
    if not data.startswith(b"Salted__") or len(data) < 32 or len(data) % 16:
        raise WrongPassword("not in OpenSSL's salted format")
    key, vector = _key_and_iv(password.encode("utf-8", "surrogatepass"), data[8:16])
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    plain = decryptor.update(data[16:]) + decryptor.finalize()
    padding = plain[-1]
    if not 1 <= padding <= 16 or plain[-padding:] != bytes([padding]) * padding:
        raise WrongPassword("bad padding")
    return plain[:-padding]


def _key_and_iv(password: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Run EVP_BytesToKey with MD5 and one round: 32 bytes of key, 16 of IV."""
    derived = block = b""
    while len(derived) < 48:
        block = hashlib.md5(block + password + salt, usedforsecurity=False).digest()
        derived += block
    return derived[:32], derived[32:48]
