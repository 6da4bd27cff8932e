"""Hashes in the forms of frameworks, directories and shops, made into WorkOS's. Pure.

Each form is that of the system's own source code, named at its reader. In all of them the salt is
text and goes into the hash as it stands, unless its reader says otherwise.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace

from target_workos_users.records.hashes import workos
from target_workos_users.records.hashes.parts import (
    base64_bytes,
    hex_bytes,
    number,
    passlib_bytes,
    split,
)
from target_workos_users.records.hashes.phc import made_pbkdf2, made_scrypt, prf
from target_workos_users.records.hashes.workos import Hash, MalformedHash, UnusableHash

_SODIUM_SALT = 16
_SODIUM_INTERACTIVE = "3_32_2_67108864"
_ASPNET_PRFS = ("sha1", "sha256", "sha512")
_ASPNET_HEADER = struct.Struct(">BIII")
_LDAP = re.compile(r"\{(SSHA|SSHA256)(\.HEX|\.B64|\.BASE64)?\}", re.IGNORECASE)


def django_pbkdf2(text: str) -> Hash:
    """``pbkdf2_sha256$600000$salt$Base64`` (``django.contrib.auth.hashers``).

    Clerk's ``pbkdf2_sha256`` looks the same, with a salt in Base64: Django's own salts have no
    padding.
    """
    name, iterations, salt, digest = split(text, "$", 4)
    is_base64 = salt.endswith("=")
    return workos.pbkdf2(
        prf(name.lower().removeprefix("pbkdf2_")),
        base64_bytes(salt, "salt") if is_base64 else salt.encode(),
        base64_bytes(digest, "hash"),
        iterations=number(iterations, "iterations"),
    )


def django_scrypt(text: str) -> Hash:
    """``scrypt$16384$salt$8$1$Base64`` (``django.contrib.auth.hashers``)."""
    _, cost, salt, block, lanes, digest = split(text, "$", 6)
    return made_scrypt(salt.encode(), base64_bytes(digest, "hash"), cost, block, lanes)


def werkzeug(text: str) -> Hash:
    """``pbkdf2:sha256:600000$salt$hex``, ``scrypt:32768:8:1$salt$hex`` (``werkzeug.security``)."""
    method, salt, digest = split(text, "$", 3)
    name, *arguments = method.lower().split(":")
    salt_bytes, digest_bytes = salt.encode(), hex_bytes(digest, "hash")
    if name == "scrypt":
        return made_scrypt(salt_bytes, digest_bytes, *arguments)
    digest_name, iterations = arguments
    name, count = prf(digest_name), number(iterations, "iterations")
    return workos.pbkdf2(name, salt_bytes, digest_bytes, iterations=count)


def java_scrypt(text: str) -> Hash:
    """``$s0$e0801$salt$hash`` of wg/scrypt; Spring Security leaves out ``$s0``. Both in Base64.

    The number is log2(n) << 16 | r << 8 | p, in hex.
    """
    *_, parameters, salt, digest = text.split("$")
    packed = number(parameters, "its parameters", base=16)
    return workos.scrypt(
        base64_bytes(salt, "salt"),
        base64_bytes(digest, "hash"),
        cost=2 ** (packed >> 16),
        block=packed >> 8 & 0xFF,
        lanes=packed & 0xFF,
    )


def ruby_scrypt(text: str) -> Hash:
    """``400$8$36$salt$hash``, all in hex: the gem scrypt, which drops null bytes before a salt."""
    cost, block, lanes, salt, digest = split(text, "$", 5)
    if len(salt) == 40:  # noqa: PLR2004 - scrypt-ruby, hash_secret
        raise UnusableHash("of its old kind, a SHA-1 of the scrypt hash")
    salt_bytes, digest_bytes = hex_bytes(salt, "salt").lstrip(b"\0"), hex_bytes(digest, "hash")
    return made_scrypt(salt_bytes, digest_bytes, cost, block, lanes, base=16)


def better_auth(text: str) -> Hash:
    """``salt:key`` in hex, the salt as it stands: Better Auth, Lucia (N 16384, r 16, p 1).

    Lucia 2 puts ``s2:`` before it. Without that, others' may look the same.
    """
    *prefix, salt, digest = text.split(":")
    found = workos.scrypt(salt.encode(), hex_bytes(digest, "hash"), cost=16_384, block=16, lanes=1)
    return found if prefix else replace(found, remark="better_auth_assumed")


def aspnet(text: str) -> Hash:
    """ASP.NET Core Identity's ``PasswordHasher``, version 3, in Base64.

    0x01, then digest, iterations and length of the salt (big-endian, 4 bytes each), salt, key. The
    key has 32 bytes, also of SHA-512.
    """
    raw = base64_bytes(text, "text")
    if len(raw) <= _ASPNET_HEADER.size:
        raise MalformedHash(f"of {len(raw)} bytes, as if it was cut short")
    _, digest_number, iterations, salt_size = _ASPNET_HEADER.unpack_from(raw)
    salt, key = raw[13 : 13 + salt_size], raw[13 + salt_size :]
    if digest_number >= len(_ASPNET_PRFS):
        raise MalformedHash("of an unknown digest")
    name = prf(_ASPNET_PRFS[digest_number])
    return workos.pbkdf2(name, salt, key, iterations=iterations, sized=True)


def ldap_pbkdf2(text: str) -> Hash:
    """``{PBKDF2-SHA256}600000$salt$hash``, in passlib's Base64: OpenLDAP's pw-pbkdf2, passlib."""
    scheme, _, rest = text.partition("}")
    iterations, salt, digest = split(rest, "$", 3)
    name = prf(scheme.partition("-")[2] or "sha1")
    return made_pbkdf2(name, passlib_bytes, salt, digest, iterations)


def ldap_sha(text: str) -> Hash:
    """``{SSHA}``, ``{SSHA256}``, also with Dovecot's ``.HEX`` or ``.B64`` in the name."""
    match = _LDAP.match(text)
    if not match:
        raise MalformedHash("without its prefix")
    is_hex = (match[2] or "").upper() == ".HEX"
    decode = hex_bytes if is_hex else base64_bytes
    return workos.salted_sha(match[1].lower(), decode(text[match.end() :], "text after the prefix"))


def mediawiki(text: str) -> Hash:
    """``:pbkdf2:sha512:30000:64:salt:hash``, both in Base64 (MediaWiki, ``Pbkdf2Password``)."""
    _, _, digest_name, iterations, _, salt, digest = split(text, ":", 7)
    return made_pbkdf2(prf(digest_name), base64_bytes, salt, digest, iterations)


def grub(text: str) -> Hash:
    """``grub.pbkdf2.sha512.10000.salt.hash``, both in hex (GRUB, passlib)."""
    _, _, digest_name, iterations, salt, digest = split(text, ".", 6)
    return made_pbkdf2(prf(digest_name), hex_bytes, salt, digest, iterations)


def magento(text: str) -> Hash:
    """``hex:salt:3_32_2_67108864``, or 2 for these numbers (Magento 2, ``Encryptor``).

    They are libsodium's: bytes of the hash, passes, and memory in bytes, for one lane. A salt is
    cut to 16 bytes, and repeated up to them.
    """
    digest, salt, version = split(text, ":", 3)
    _, size, passes, memory = split(_SODIUM_INTERACTIVE if version == "2" else version, "_", 4)
    digest_bytes = hex_bytes(digest, "hash")
    if number(size, "its size") != len(digest_bytes) or not salt:
        raise MalformedHash("that isn't whole, as if it was cut short")
    repeated = salt.encode() * _SODIUM_SALT
    return workos.argon2(
        repeated[:_SODIUM_SALT],
        digest_bytes,
        variant="argon2id",
        memory=number(memory, "its memory") // 1024,
        passes=number(passes, "its passes"),
        lanes=1,
    )
