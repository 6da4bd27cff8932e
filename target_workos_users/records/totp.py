"""The TOTP factor of a record, in the forms that systems and apps keep its secret in. Pure.

WorkOS takes a Base32 secret, and SHA-1, 6 digits and 30 seconds only (WorkOS OpenAPI spec).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from target_workos_users.records import values
from target_workos_users.records.values import invalid

if TYPE_CHECKING:
    from target_workos_users.records.rules import RecordRules

_BASE32 = re.compile(r"[A-Z2-7]+")
_HEX = re.compile(r"(?=.*[0189])(?:[0-9a-f]{16,}|[0-9A-F]{16,})")
_BETWEEN_GROUPS = re.compile(r"[\s‐-―-]+")  # noqa: RUF001 - as apps and documents set them
_MIN_CHARACTERS = 16  # 80 bits, as Google's authenticator has them
_DEFAULTS = {"algorithm": "SHA1", "digits": "6", "period": "30"}
_SHOWN = re.compile(r"SHA-?\d{1,3}|MD5|\d{1,4}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Totp:
    """A TOTP factor to enroll.

    Attributes:
        secret: Base32, upper case, unpadded.
        issuer: Name of the service in authenticator apps; None: WorkOS takes the team's name.
        user: Name of the account in them; None: WorkOS takes the email.
    """

    secret: str = field(repr=False)
    issuer: str | None
    user: str | None


def totp(record: Mapping[str, Any], rules: RecordRules, remarks: list[str]) -> Totp | None:
    """The factor that a record asks for.

    Args:
        record: A Singer record. ``totp_secret`` holds a secret, an ``otpauth://`` URI or a
            credential of Keycloak's, as an object or as its JSON text.
        rules: Whether a bare secret is Base32 or the key itself.
        remarks: Keys of ``REMARKS`` are added here.

    Returns:
        None if there is no secret.

    Raises:
        RecordError: It isn't of the form that it should be, or for other codes than WorkOS's.
    """
    issuer = values.text(record, "totp_issuer")
    user = values.text(record, "totp_user")
    stored = _decoded(record.get("totp_secret"))
    if isinstance(stored, list) and len(stored) == 1 and isinstance(stored[0], str):
        stored = stored[0]
    if isinstance(stored, Mapping | list):
        return Totp(_keycloak(stored, rules), issuer, user) if stored else None
    secret = values.text({"totp_secret": stored}, "totp_secret")
    if secret is None:
        if issuer or user:
            remarks.append("totp_secret_missing")
        return None
    if secret.lower().startswith("otpauth"):
        return _from_uri(secret, issuer, user, remarks)
    return Totp(_of_format(secret, rules), issuer, user)


def _of_format(secret: str, rules: RecordRules) -> str:
    return _from_raw(secret) if _are_raw(rules) else _base32(secret)


def _are_raw(rules: RecordRules) -> bool:
    return rules.totp_secret_format == "raw"  # noqa: S105 - the name of a form


def _base32(text: str) -> str:
    # Apps show secrets in groups of four and in lower case; RFC 4648 wants neither.
    written = _BETWEEN_GROUPS.sub("", text).rstrip("=")
    secret = written.upper()
    if _HEX.fullmatch(written):
        raise invalid("totp_secret", "is hex; expected Base32: convert it at the source")
    if written not in {secret, written.lower()}:
        raise invalid(
            "totp_secret",
            "has capitals and small letters, so it isn't Base32, but the key itself (Keycloak and "
            "Better Auth keep it so), Base64, or encrypted; if it is the key, set "
            "totp_secret_format to raw, else write it in Base32",
        )
    if not _BASE32.fullmatch(secret) or len(secret) % 8 in {1, 3, 6}:
        raise invalid(
            "totp_secret",
            "isn't Base32, or was cut short: expected letters A to Z and digits 2 to 7 only; if it "
            "is the key itself, set totp_secret_format to raw",
        )
    return _long_enough(secret)


def _from_raw(key: str) -> str:
    if not key.isascii() or not key.isprintable():
        raise invalid("totp_secret", "has characters outside ASCII, though it is said to be raw")
    return _long_enough(base64.b32encode(key.encode()).decode().rstrip("="))


def _long_enough(secret: str) -> str:
    if len(secret) < _MIN_CHARACTERS:
        raise invalid(
            "totp_secret",
            f"has {{}} characters in Base32; expected {_MIN_CHARACTERS} or more: it was "
            "cut short, or is no secret",
            len(secret),
        )
    return secret


def _from_uri(uri: str, issuer: str | None, user: str | None, remarks: list[str]) -> Totp:
    """``otpauth://totp/Issuer:account?secret=…&issuer=…`` (Google Authenticator, Key URI Format).

    The columns ``totp_issuer`` and ``totp_user`` win over it.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise invalid("totp_secret", "isn't a whole otpauth:// URI") from None
    fields = {name.lower(): text.strip() for name, text in parse_qsl(parts.query)}
    if parts.scheme.lower() != "otpauth" or parts.netloc.lower() != "totp":
        raise invalid("totp_secret", "a URI of another kind than otpauth://totp/")
    if "secret" not in fields:
        raise invalid("totp_secret", "an otpauth:// URI without a secret")
    _check_codes(fields)
    label_issuer, colon, account = unquote(parts.path.lstrip("/")).rpartition(":")
    of_uri = {
        "totp_issuer": fields.get("issuer") or (label_issuer.strip() if colon else ""),
        "totp_user": account.strip(),
    }
    for name, own in (("totp_issuer", issuer), ("totp_user", user)):
        if own and of_uri[name] and own != of_uri[name]:
            remarks.append("totp_uri_overridden")
    texts = {name: values.text(of_uri, name) for name in of_uri}
    secret = _base32(fields["secret"])
    return Totp(secret, issuer or texts["totp_issuer"], user or texts["totp_user"])


def _keycloak(stored: Any, rules: RecordRules) -> str:
    """A credential of type ``otp``; its value is the key itself, unless it says BASE32.

    ``secretData`` has ``value``, ``credentialData`` the rest (Keycloak, ``OTPCredentialModel``).
    """
    if isinstance(stored, list):
        found = [item for item in stored if isinstance(item, Mapping) and item.get("type") == "otp"]
        stored = found[0] if len(found) == 1 else {}
    secret = _decoded(stored.get("secretData", stored))
    data = _decoded(stored.get("credentialData"))
    value = secret.get("value") if isinstance(secret, Mapping) else None
    if not isinstance(value, str):
        raise invalid(
            "totp_secret", "JSON without one secret; expected its text, or Keycloak's credential"
        )
    if not isinstance(data, Mapping):
        if _are_raw(rules):
            return _from_raw(value)
        raise invalid(
            "totp_secret",
            "Keycloak's secretData alone, which doesn't say whether it is Base32: add its "
            "credentialData, or set totp_secret_format to raw",
        )
    algorithm = str(data.get("algorithm", "")).removeprefix("Hmac")
    texts = {name: str(data[name]) for name in ("digits", "period") if name in data}
    _check_codes(texts | ({"algorithm": algorithm} if algorithm else {}))
    if data.get("subType", "totp") != "totp":
        raise invalid("totp_secret", "a counter-based factor (HOTP); WorkOS takes TOTP only")
    return _base32(value) if data.get("secretEncoding") == "BASE32" else _from_raw(value)


def _check_codes(fields: Mapping[str, str]) -> None:
    """Refuse what WorkOS's codes aren't."""
    found = {name: fields.get(name) or default for name, default in _DEFAULTS.items()}
    found["algorithm"] = found["algorithm"].upper().replace("-", "").removeprefix("HMAC")
    if found != _DEFAULTS:
        shown = ", ".join(
            f"{name} {text if _SHOWN.fullmatch(text) else 'unknown'}"
            for name, text in found.items()
            if text != _DEFAULTS[name]
        )
        raise invalid(
            "totp_secret",
            f"{shown}; WorkOS takes SHA1, 6 digits and a period of 30 seconds: leave it empty, the "
            "user enrolls again",
        )


def _decoded(value: Any) -> Any:
    """The value, or what it says as a JSON text."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        found = values.decoded(value)
        return value if found is None else found
    return value
