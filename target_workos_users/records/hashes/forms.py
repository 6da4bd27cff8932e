"""The forms of hashes that are known: how each begins, what it is called, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_workos_users.records.hashes import others, phc, workos
from target_workos_users.records.hashes.parts import REDACTED
from target_workos_users.records.hashes.workos import EXPECTED, Hash, MalformedHash, UnusableHash

if TYPE_CHECKING:
    from collections.abc import Callable

_B64 = r"[A-Za-z0-9+/_-]"
_ANY = r"\S{16,}"


@dataclass(frozen=True, slots=True)
class Form:
    """A form of hashes.

    Attributes:
        scheme: What it is called in messages.
        sign: How it begins: a pattern, in any case of letters.
        read: Makes it a hash for WorkOS; or why WorkOS can't verify any of this form.
        rest: What follows ``sign`` in a whole one: tells a hash from a password that begins so.
            Empty: ``sign`` is the whole.
        found: Whether ``sign`` is enough to know it by anywhere in a text.
        expected: A whole one, for the message about one that isn't.
        weak: Whether what is inside it goes before it, if that is known.
    """

    scheme: str
    sign: str
    read: Callable[[str], Hash] | str
    rest: str = _ANY
    found: bool = True
    expected: str = ""
    weak: bool = False

    def convert(self, text: str) -> Hash:
        """The hash as WorkOS takes it.

        Raises:
            UnusableHash: WorkOS can't verify it.
        """
        if isinstance(self.read, str):
            raise UnusableHash(f"{self.scheme}, {self.read}")
        try:
            return self.read(text)
        except MalformedHash as problem:
            expected = f"; expected {self.expected}" if self.expected else ""
            raise MalformedHash(f"{self.scheme} {problem}{expected}") from None
        except UnusableHash as problem:
            raise UnusableHash(f"{self.scheme} {problem}") from None


def _own(name: str, sign: str, read: Callable[[str], Hash]) -> Form:
    return Form(name, sign, read, expected=EXPECTED[name])


def _ldap_digest(text: str) -> Hash:
    name = text.partition("}")[0].upper()
    raise UnusableHash(f"{name}}}; of such hashes WorkOS verifies {{SSHA}} and {{SSHA256}}")


def _bare_hex(text: str) -> Hash:
    name = _DIGESTS.get(len(text))
    like = f" ({name}?)" if name else ""
    raise UnusableHash(f"of {len(text)} characters{like}, which WorkOS can't verify")


_DIGESTS = {32: "MD5", 40: "SHA-1", 56: "SHA-224", 64: "SHA-256", 128: "SHA-512"}
_LDAP_DIGESTS = (
    r"S?SHA-?\d*|S?MD[45]|(?:PLAIN|LDAP|CRAM|DIGEST)-MD5|PBKDF2(?:_SHA\d+)?|NTLM|LANMAN"
    r"|SCRAM-SHA-\d+"
)
_NOT_VERIFIED = "which WorkOS can't verify"
_PREHASHED = "which hashes a digest of the password, not the password itself"
_PLAIN = "in clear (put it into the column password, without what stands before it)"
_WRITE = (
    "(write $scrypt$v=1$n=…,r=…,p=…,kl=…$<salt>$<hash> or $pbkdf2$i=…,d=…$<salt>$<hash>, salt and "
    "hash in Base64)"
)
_NO_PARAMETERS = f"whose parameters aren't in the text {_WRITE}"
_OWN_FORM = f"in a form of a program's own {_WRITE}"

FORMS = (
    _own("bcrypt", r"\$2[abxy]?\$", workos.bcrypt),
    _own("argon2", r"\$argon2(?:id|i|d)\$", phc.argon2),
    _own("scrypt", r"\$scrypt\$", phc.scrypt),
    _own("pbkdf2", r"\$pbkdf2(?:-sha\d+)?\$", phc.pbkdf2),
    _own("firebase-scrypt", r"\$firebase-scrypt\$", phc.firebase),
    _own("ssha256", r"\{SSHA256(?:\.(?:HEX|B64|BASE64))?\}", others.ldap_sha),
    _own("ssha", r"\{SSHA(?:\.(?:HEX|B64|BASE64))?\}", others.ldap_sha),
    Form("Supabase's Firebase scrypt", r"\$fbscrypt\$", phc.supabase_firebase),
    Form("Ory Kratos's Firebase scrypt", r"\$firescrypt\$", phc.kratos_firebase),
    Form(
        "Clerk's Firebase scrypt",
        rf"{_B64}{{80,}}={{0,2}}\${_B64}+={{0,2}}\${_B64}{{80,}}={{0,2}}\${_B64}+={{0,2}}\$\d{{1,2}}\$",
        phc.clerk_firebase,
        r"\d{1,2}",
    ),
    Form(
        "SuperTokens's Firebase scrypt",
        r"\$f_scrypt\$",
        "whose signer key is in SuperTokens's settings (write "
        "$firebase-scrypt$hash=…$salt=…$sk=<signer key>$ss=…$r=…$m=…)",
    ),
    Form("Django PBKDF2", r"pbkdf2_sha\d+\$", others.django_pbkdf2),
    Form("Django scrypt", r"scrypt\$\d+\$", others.django_scrypt),
    Form("Werkzeug PBKDF2", r"pbkdf2:\w+:\d{1,10}\$", others.werkzeug),
    Form(
        "Werkzeug PBKDF2",
        r"pbkdf2:\w+\$",
        "without its number of iterations: of an old version, which had fewer than WorkOS takes",
    ),
    Form("Werkzeug scrypt", r"scrypt:\d{1,10}:\d{1,10}:\d{1,10}\$", others.werkzeug),
    Form(
        "Java's scrypt", rf"\$(?:s0\$)?1?[0-9a-f]{{5}}\${_B64}{{8,}}={{0,2}}\$", others.java_scrypt
    ),
    Form(
        "Ruby's scrypt",
        r"[0-9a-f]{1,8}\$[0-9a-f]{1,4}\$[0-9a-f]{1,4}\$[0-9a-f]{16,}\$[0-9a-f]{32,}",
        others.ruby_scrypt,
        "",
    ),
    Form("Lucia's scrypt", r"s2:\w{16,32}:[0-9a-f]{128}", others.better_auth, ""),
    Form("Better Auth's scrypt", r"(?-i:[0-9a-f]{32}):[0-9a-f]{128}", others.better_auth, ""),
    Form("ASP.NET Identity v3", rf"AQAAAA[AEI]{_B64}{{40,}}={{0,2}}", others.aspnet, ""),
    Form("LDAP PBKDF2", r"\{PBKDF2(?:-SHA\d+)?\}\d+\$", others.ldap_pbkdf2),
    Form("MediaWiki PBKDF2", r":pbkdf2:\w+:\d+:\d+:", others.mediawiki),
    Form("GRUB PBKDF2", r"grub\.pbkdf2\.\w+\.\d+\.", others.grub),
    Form(
        "Magento's argon2id",
        r"[0-9a-f]{64}:[^\s:]{1,64}:(?:2|3_\d+_\d+_\d+)",
        others.magento,
        "",
    ),
    # Known, and of no use to WorkOS.
    Form("bcrypt_sha256 of Django or passlib", r"bcrypt_sha256\$|\$bcrypt-sha256\$", _PREHASHED),
    Form("WordPress's bcrypt ($wp$)", r"\$wp\$", _PREHASHED),
    Form("phpass ($P$, $H$)", r"(?:U?\$[PH]\$)", f"as in WordPress and phpBB, {_NOT_VERIFIED}"),
    Form("Drupal 7's SHA-512 ($S$)", r"U?\$S\$", _NOT_VERIFIED),
    Form("SHA-512-crypt ($6$)", r"\$6\$|\$sha512-crypt\$", _NOT_VERIFIED),
    Form("SHA-256-crypt ($5$)", r"\$5\$|\$sha256-crypt\$", _NOT_VERIFIED),
    Form("MD5-crypt ($1$)", r"\$(?:1|apr1|md5-crypt)\$", _NOT_VERIFIED),
    Form("yescrypt ($y$)", r"\$g?y\$", _NOT_VERIFIED),
    Form("scrypt of crypt(3) ($7$)", r"\$7\$", _NOT_VERIFIED),
    Form(
        "a salted or keyed digest",
        r"\$(?:md5(?:,[^$]*)?|sha\d+|hmac-\w+|scram|\d)\$",
        _NOT_VERIFIED,
    ),
    Form(
        "a salted digest",
        r"(?:md5|sha1|sha224|sha256|sha384|sha512)\$[^$\s]*\$[0-9a-f]{32,128}",
        f"as in Django and Werkzeug, {_NOT_VERIFIED}",
        "",
    ),
    Form("PBKDF2 of SHA-1", r"\$p5k2\$|\{PKCS5S2\}", "WorkOS takes SHA-256 and SHA-512"),
    Form(
        "Spring's PBKDF2",
        r"\{pbkdf2(?:@\w+)?\}[0-9a-f]",
        "of 185,000 or 310,000 iterations, if nobody changed them; WorkOS takes 600,000 to "
        "1,000,000",
    ),
    Form("a password", r"\{(?:noop|plain|clear|cleartext)\}|plain\$\$", _PLAIN, r".+"),
    Form("LDAP", rf"\{{(?:{_LDAP_DIGESTS})(?:\.\w+)?\}}", _ldap_digest),
    Form("SCRAM", r"SCRAM-SHA-\d+\$", _NOT_VERIFIED),
    Form("scrypt's own file format", r"c2NyeXB0A|73637279707400", _NOT_VERIFIED),
    Form("SQL Server's password hash", r"0x0[12]00(?:[0-9a-f]{2}){24,}", _NOT_VERIFIED, ""),
    Form("PostgreSQL's md5", r"md5[0-9a-f]{32}", _NOT_VERIFIED, ""),
    Form("AdonisJS's bcrypt", r"\$bcrypt\$", f"as a PHC string, {_NOT_VERIFIED}"),
    Form(
        "a hash that names its algorithm",
        r"(?:pbkdf2|scrypt|bcrypt|argon2(?:id|i|d)?)[:$](?=\S{16})",
        _OWN_FORM,
        r"\S+",
        weak=True,
    ),
    Form("MySQL's password hash", r"\*[0-9A-F]{40}", _NOT_VERIFIED, ""),
    Form("Firebase's hash", r"UkVEQUNURUQ=?", REDACTED, "", found=False),
    Form("ASP.NET Identity v2", rf"A[A-P]{_B64}{{64}}==", _NOT_VERIFIED, "", found=False),
    Form("crypt(3)", r"\{(?:DES-)?CRYPT\}", _NOT_VERIFIED, r"\S{8,}", weak=True),
    Form("a bare digest in hex", r"(?:[0-9a-f]{2}){16,}", _bare_hex, "", found=False, weak=True),
    Form(
        "a digest with its salt",
        r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})[:$](?![0-9a-f]{64})[^\s:]{1,64}(?::\S{1,9})?",
        f"as in Joomla, Magento and vBulletin, {_NOT_VERIFIED}",
        "",
        found=False,
    ),
    Form(
        "salt and hash",
        rf"{_B64}{{16,}}={{0,2}}[:.]{_B64}{{43,}}={{0,2}}|{_B64}{{43,}}={{0,2}}[:.]{_B64}{{16,}}={{0,2}}",
        _NO_PARAMETERS,
        "",
        found=False,
    ),
    Form(
        "a placeholder",
        r"\*{3,}|[\[<(](?:redacted|hidden|filtered|masked|protected)[\])>]",
        "which the export has in the hash's place",
        "",
        found=False,
    ),
)
