"""Hashes in JSON: Keycloak's credentials, Auth0's ``custom_password_hash``, and others'. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from target_workos_users.records.hashes import workos
from target_workos_users.records.hashes.parts import base64_bytes, hex_bytes, number
from target_workos_users.records.hashes.phc import prf
from target_workos_users.records.hashes.workos import Hash, MalformedHash, UnusableHash
from target_workos_users.records.values import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

_KEYCLOAK = {"secretData", "credentialData", "hashedSaltedValue", "additionalParameters"}
_NESTED = ("custom_password_hash", "hashed_password", "passwordHash", "password", "hash", "value")


def convert(document: Any, inner: Callable[[str], Hash | None]) -> Hash | None:
    """The hash of a decoded document.

    Args:
        document: An object, or a list with one password among the credentials.
        inner: Converts a hash that stands in the document as a text.

    Returns:
        None if the layout isn't known.

    Raises:
        UnusableHash: WorkOS can't verify it.
    """
    if isinstance(document, list):
        if len(document) == 1 and isinstance(document[0], str):
            return inner(document[0])
        passwords = [item for item in document if _of(item).get("type", "password") == "password"]
        return convert(passwords[0], inner) if len(passwords) == 1 else None
    fields = _of(document)
    if fields.keys() & _KEYCLOAK:
        return _named("Keycloak's credential", _keycloak, fields)
    if "algorithm" in fields and isinstance(fields.get("salt"), Mapping):
        return _named("Auth0's custom_password_hash", _auth0, fields)
    if "algorithm" in fields and "workFactor" in fields:
        return _named("Okta's hash", _okta, fields)
    if fields and fields.keys() <= {"bcrypt", "argon2"}:
        raise UnusableHash("Meteor's hash, which is one of the password's SHA-256")
    value = next((fields[name] for name in _NESTED if name in fields), None)
    return inner(value) if isinstance(value, str) else convert(value, inner) if value else None


def _named(
    scheme: str, read: Callable[[Mapping[str, Any]], Hash], fields: Mapping[str, Any]
) -> Hash:
    try:
        return read(fields)
    except UnusableHash as problem:
        raise UnusableHash(f"{scheme} {problem}") from None


def _keycloak(fields: Mapping[str, Any]) -> Hash:
    """A password credential of a realm's export, or of the table CREDENTIAL.

    ``secretData`` has ``value`` and ``salt``, ``credentialData`` the rest, each as an object or as
    its JSON text; before Keycloak 8 all stood side by side (``CredentialRepresentation``). Salt
    and value are Base64; algorithms: ``pbkdf2-sha512``, ``argon2``.
    """
    secret, data = _of(fields.get("secretData")), _of(fields.get("credentialData"))
    old = {"value": fields.get("hashedSaltedValue"), "salt": fields.get("salt")}
    secret, data = secret or old, data or fields
    algorithm = data.get("algorithm")
    if not isinstance(secret.get("value"), str) or not isinstance(algorithm, str):
        raise MalformedHash(
            "with one part only: iterations and algorithm are in its credentialData, value and "
            'salt in its secretData (write {"secretData": …, "credentialData": …} with both)'
        )
    salt, digest = (base64_bytes(_text(secret, name), name) for name in ("salt", "value"))
    iterations = _number(data, "hashIterations")
    name, _, digest_name = algorithm.lower().partition("-")
    if name == "argon2":
        more = {key: _first(value) for key, value in _of(data.get("additionalParameters")).items()}
        if more.get("version") != "1.3":
            raise UnusableHash("of another version of argon2; WorkOS takes 1.3, v=19")
        return workos.argon2(
            salt,
            digest,
            variant=f"argon2{_text(more, 'type').lower()}",
            memory=_number(more, "memory"),
            passes=iterations,
            lanes=_number(more, "parallelism"),
        )
    if name != "pbkdf2":
        raise UnusableHash("of an algorithm other than pbkdf2 and argon2")
    return workos.pbkdf2(prf(digest_name or "sha1"), salt, digest, iterations=iterations)


def _auth0(fields: Mapping[str, Any]) -> Hash:
    """``custom_password_hash`` (Auth0 docs, bulk import) with digest and salt apart.

    Each says its encoding. bcrypt, argon2, pbkdf2 and ldap stand in ``hash`` as one text.
    """
    algorithm, salted = fields["algorithm"], fields["salt"]
    digest, salt = _encoded(_of(fields.get("hash")), "hash"), _encoded(salted, "salt")
    if algorithm == "scrypt":
        return workos.scrypt(
            salt,
            digest,
            cost=_number(fields, "cost"),
            block=_number(fields, "blockSize"),
            lanes=_number(fields, "parallelization"),
        )
    position = salted.get("position")
    if algorithm == "sha256" and position in {"prefix", "suffix"}:
        return workos.salted_sha("ssha256", digest + salt, position)
    if algorithm == "sha1" and position == "suffix":
        return workos.salted_sha("ssha", digest + salt)
    raise UnusableHash("of a salted digest, which WorkOS can't verify")


def _okta(fields: Mapping[str, Any]) -> Hash:
    """A ``hash`` object of Okta's Users API: bcrypt with its salt apart."""
    if fields["algorithm"] != "BCRYPT":
        raise UnusableHash("of an algorithm other than BCRYPT")
    cost = _number(fields, "workFactor")
    return workos.bcrypt(f"$2a${cost:02}${_text(fields, 'salt')}{_text(fields, 'value')}")


def _of(value: Any) -> Mapping[str, Any]:
    """The fields of an object, or of its JSON text."""
    if isinstance(value, str):
        value = decoded(value)
    return value if isinstance(value, Mapping) else {}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.isascii():
        raise MalformedHash(f"without a text in {name}")
    return value


def _number(fields: Mapping[str, Any], name: str) -> int:
    return number(str(fields.get(name)), name)


def _encoded(fields: Mapping[str, Any], name: str) -> bytes:
    decode = {"hex": hex_bytes, "base64": base64_bytes}.get(fields.get("encoding", "base64"))
    text = _text(fields, "value")
    return decode(text, name) if decode else text.encode()
