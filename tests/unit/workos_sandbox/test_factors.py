from __future__ import annotations

import pytest

from workos_sandbox import read_contents


@pytest.fixture
def path(api):
    user = api.user(email="ada@example.com")
    return f"/user_management/users/{user['id']}/auth_factors"


def test_an_imported_secret_is_kept_and_shown_once(api, path, db):
    secret = "JBSWY3DPEHPK3PXP"
    reply = api.post(
        path,
        {"type": "totp", "totp_secret": secret, "totp_issuer": "Acme Corp", "totp_user": "ada"},
    )
    assert reply.status == 201
    factor = reply.body["authentication_factor"]
    challenge = reply.body["authentication_challenge"]
    assert challenge["authentication_factor_id"] == factor["id"]
    assert factor["totp"]["secret"] == secret
    assert factor["totp"]["uri"] == (
        f"otpauth://totp/Acme%20Corp:ada?secret={secret}&issuer=Acme%20Corp"
        "&algorithm=SHA1&digits=6&period=30"
    )
    listed = api.get(path)
    (shown,) = listed.body["data"]
    assert (shown["id"], shown["totp"]) == (factor["id"], {"issuer": "Acme Corp", "user": "ada"})
    assert secret not in listed.text
    assert api.get(f"/auth/factors/{factor['id']}").body == shown
    (stored,) = read_contents(db).auth_factors
    assert (stored["email"], stored["secret"]) == ("ada@example.com", secret)


def test_what_is_left_out_is_made_up(api, path):
    factor = api.post(path, {"type": "totp"}).body["authentication_factor"]
    assert factor["totp"]["user"] == "ada@example.com"
    assert factor["totp"]["issuer"]
    assert len(factor["totp"]["secret"]) == 32


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "sms"}, "type_invalid"),
        ({"type": "totp", "totp_secret": "not base32!"}, "totp_secret_invalid"),
        ({"type": "totp", "totp_secret": "0189"}, "totp_secret_invalid"),
        ({"type": "totp", "totp_secret": "é"}, "totp_secret_invalid"),
        ({"type": "totp", "totp_secret": ""}, "totp_secret_invalid"),
        ({"type": "totp", "totp_secret": 1}, "totp_secret_string_required"),
    ],
)
def test_a_factor_that_cannot_be_imported_is_a_422(api, path, body, code):
    reply = api.post(path, body)
    assert reply.error == (422, "invalid_request_parameters")
    assert reply.error_codes == [code]


def test_a_second_enrollment_makes_a_second_factor(api, path):
    for _ in range(2):
        assert api.post(path, {"type": "totp"}).status == 201
    assert len(api.get(path).body["data"]) == 2


def test_a_deleted_factor_is_gone(api, path):
    factor = api.post(path, {"type": "totp"}).body["authentication_factor"]
    assert api.delete(f"/auth/factors/{factor['id']}").status == 204
    assert api.delete(f"/auth/factors/{factor['id']}").error == (404, "entity_not_found")
    assert api.get(f"/auth/factors/{factor['id']}").error == (404, "entity_not_found")
    assert api.get(path).body["data"] == []


def test_factors_of_nobody_are_a_404(api):
    reply = api.get("/user_management/users/user_0/auth_factors")
    assert reply.error == (404, "entity_not_found")
