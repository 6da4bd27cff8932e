from __future__ import annotations

import re

import pytest

from workos_sandbox import EnvironmentSettings, read_contents

USERS = "/user_management/users"


def test_a_created_user_has_every_key_of_the_api(api):
    user = api.user(
        email="  Ada@Example.COM ",
        first_name="Ada",
        last_name=None,
        email_verified=None,
        external_id="legacy-1",
        metadata={"plan": "pro"},
    )
    assert re.fullmatch(r"user_[0-9A-HJKMNP-TV-Z]{26}", user.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", user.pop("created_at"))
    assert user.pop("updated_at")
    assert user == {
        "object": "user",
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": None,
        "name": None,
        "email_verified": False,
        "profile_picture_url": None,
        "external_id": "legacy-1",
        "metadata": {"plan": "pro"},
        "last_sign_in_at": None,
        "locale": None,
    }


def test_an_email_is_taken_whatever_its_case_and_spaces(api):
    api.user(email="ada@example.com")
    reply = api.post(USERS, {"email": " ADA@example.com"})
    assert reply.status == 400
    assert reply.body == {
        "message": "Could not create user.",
        "code": "user_creation_error",
        "errors": [{"code": "email_not_available", "message": "This email is not available."}],
    }


def test_a_taken_external_id_is_told_inside_errors(api):
    api.user(external_id="x")
    reply = api.post(USERS, {"email": "other@example.com", "external_id": "x"})
    assert reply.error == (400, "user_creation_error")
    assert reply.error_codes == ["external_id_already_used"]


def test_a_taken_external_id_can_have_its_other_code(api, sandbox):
    sandbox.settings = EnvironmentSettings(external_id_taken="external_id_already_in_use")
    api.user(external_id="x")
    reply = api.post(USERS, {"email": "other@example.com", "external_id": "x"})
    assert reply.error_codes == ["external_id_already_in_use"]
    reply = api.put(f"{USERS}/{api.user()['id']}", {"external_id": "x"})
    assert reply.error == (400, "external_id_already_in_use")


def test_both_clashes_are_told_at_once(api):
    api.user(email="ada@example.com")
    api.user(external_id="x")
    reply = api.post(USERS, {"email": "ada@example.com", "external_id": "x"})
    assert reply.error_codes == ["email_not_available", "external_id_already_used"]


@pytest.mark.parametrize("email", ["", "  ", None, 7])
def test_a_missing_email_is_a_422(api, email):
    reply = api.post(USERS, {"email": email})
    assert reply.error == (422, "invalid_request_parameters")
    assert reply.error_codes == ["email_string_required"]


@pytest.mark.parametrize("email", ["ada", "ada@example", "a b@example.com", "a@b@example.com"])
def test_a_malformed_email_is_a_creation_error(api, email):
    reply = api.post(USERS, {"email": email})
    assert reply.error == (400, "user_creation_error")
    assert reply.error_codes == ["invalid_email"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"first_name": 1}, "first_name_string_required"),
        ({"email_verified": "yes"}, "email_verified_boolean_required"),
        ({"external_id": "é"}, "external_id_invalid"),
        ({"external_id": "x" * 129}, "external_id_invalid"),
        ({"external_id": ""}, "external_id_invalid"),
        ({"password_hash": "x"}, "password_hash_type_invalid"),
        ({"password_hash": "x", "password_hash_type": "md5"}, "password_hash_type_invalid"),
        ({"password_hash_type": "bcrypt"}, "password_hash_string_required"),
    ],
)
def test_a_field_of_the_wrong_kind_is_a_422(api, fields, code):
    reply = api.post(USERS, {"email": "ada@example.com"} | fields)
    assert reply.error == (422, "invalid_request_parameters")
    assert reply.error_codes == [code]


def test_metadata_up_to_its_limits_is_kept(api):
    metadata = {f"{number:040}": "v" * 600 for number in range(50)}
    user = api.user(metadata=metadata)
    assert user["metadata"] == metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {f"key{number}": "v" for number in range(51)},
        {"k" * 41: "v"},
        {"": "v"},
        {"k": "v" * 601},
        {"k": 1},
        {"k": ["v"]},
        ["k"],
        "k",
    ],
)
def test_metadata_beyond_its_limits_is_refused(api, metadata):
    reply = api.post(USERS, {"email": "ada@example.com", "metadata": metadata})
    assert reply.error == (400, "invalid_metadata")


def test_unknown_fields_are_ignored(api):
    user = api.user(id="user_mine", favorite_color="red")
    assert user["id"] != "user_mine"
    assert "favorite_color" not in user


def test_users_are_found_by_id_email_and_external_id(api):
    user = api.user(email="ada@example.com", external_id="a/b c%")
    api.user()
    assert api.get(f"{USERS}/{user['id']}").body == user
    assert api.get(USERS, email="ADA@example.com").body["data"] == [user]
    from_path = api.call("GET", f"{USERS}/external_id/a%2Fb%20c%25")
    assert from_path.body == user


def test_users_are_listed_by_organization(api):
    member = api.member()
    api.member()
    for name in ("organization_id", "organization"):
        users = api.get(USERS, **{name: member["organization_id"]})
        assert [user["id"] for user in users.body["data"]] == [member["user_id"]]


@pytest.mark.parametrize("path", [f"{USERS}/user_0", f"{USERS}/external_id/user_0"])
def test_a_user_that_is_not_there_is_a_404_with_its_id(api, path):
    reply = api.get(path)
    assert reply.status == 404
    assert reply.body == {
        "message": "User not found: 'user_0'.",
        "code": "entity_not_found",
        "entity_id": "user_0",
    }


def test_an_update_leaves_what_it_omits(api):
    user = api.user(first_name="Ada", last_name="King", external_id="x")
    reply = api.put(f"{USERS}/{user['id']}", {"last_name": "Lovelace", "external_id": None})
    assert reply.status == 200
    expected = user | {"last_name": "Lovelace", "external_id": None}
    assert reply.body | {"updated_at": ""} == expected | {"updated_at": ""}


def test_metadata_is_merged_by_key(api):
    user = api.user(metadata={"a": "1", "b": "2"})
    path = f"{USERS}/{user['id']}"
    merged = api.put(path, {"metadata": {"b": None, "c": "3"}})
    assert merged.body["metadata"] == {"a": "1", "c": "3"}
    assert api.put(path, {"first_name": "Ada"}).body["metadata"] == {"a": "1", "c": "3"}
    assert api.put(path, {"metadata": {}}).body["metadata"] == {}


def test_the_key_limit_counts_merged_metadata(api):
    user = api.user(metadata={f"key{number}": "v" for number in range(50)})
    path = f"{USERS}/{user['id']}"
    assert api.put(path, {"metadata": {"more": "v"}}).error == (400, "invalid_metadata")
    exchanged = api.put(path, {"metadata": {"more": "v", "key0": None}})
    assert len(exchanged.body["metadata"]) == 50


def test_update_errors_stand_at_the_top_level(api):
    api.user(email="taken@example.com", external_id="taken")
    user = api.user()
    for fields, code in [
        ({"email": "Taken@example.com"}, "email_not_available"),
        ({"external_id": "taken"}, "external_id_already_used"),
        ({"email": "nonsense"}, "invalid_email"),
        ({"locale": "!"}, "invalid_locale"),
    ]:
        reply = api.put(f"{USERS}/{user['id']}", fields)
        assert reply.error == (400, code)
    assert api.get(f"{USERS}/{user['id']}").body == user


def test_a_verified_email_cannot_be_unverified(api):
    user = api.user(email_verified=True)
    path = f"{USERS}/{user['id']}"
    assert api.put(path, {"email_verified": False}).error == (400, "email_already_verified")
    assert api.put(path, {"email_verified": None}).body["email_verified"] is True


def test_another_email_is_unverified_until_said_otherwise(api):
    user = api.user(email_verified=True)
    path = f"{USERS}/{user['id']}"
    assert api.put(path, {"email": "b@example.com"}).body["email_verified"] is False
    verified = api.put(path, {"email": "c@example.com", "email_verified": True})
    assert verified.body["email_verified"] is True


def test_a_deleted_user_takes_its_memberships_and_factors_along(api, db):
    member = api.member()
    path = f"{USERS}/{member['user_id']}"
    assert api.post(f"{path}/auth_factors", {"type": "totp"}).status == 201
    reply = api.delete(path)
    assert (reply.status, reply.text) == (200, "")
    assert api.delete(path).error == (404, "entity_not_found")
    world = read_contents(db)
    assert (world.users, world.memberships, world.auth_factors) == ([], [], [])


@pytest.mark.parametrize("code", ["policy_denied", "action_denied"])
def test_radar_denies_single_users(api, sandbox, code):
    sandbox.settings = EnvironmentSettings(radar_denies={"ada@example.com": code})
    reply = api.post(USERS, {"email": " Ada@example.com"})
    assert reply.error == (403, code)
    assert "errors" not in reply.body
    assert api.get(USERS).body["data"] == []
    api.user(email="bob@example.com")


def test_an_ip_address_is_required_where_radar_decides(api, sandbox):
    sandbox.settings = EnvironmentSettings(ip_address_required=True)
    body = {"email": "ada@example.com"}
    assert api.post(USERS, body).error == (400, "ip_address_required")
    user = api.user(**body, ip_address="192.0.2.1", user_agent="import")
    assert api.put(f"{USERS}/{user['id']}", {"first_name": "Ada"}).status == 200


def test_a_locale_is_taken_on_update_only(api):
    user = api.user(locale="de")
    assert user["locale"] is None
    assert api.put(f"{USERS}/{user['id']}", {"locale": "de-AT"}).body["locale"] == "de-AT"
