from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_workos_users.api.error_responses import (
    api_error,
    membership_reason,
    organization_reason,
    slug_reason,
    user_reason,
)
from target_workos_users.api.response import Response
from target_workos_users.exceptions import Reason


def explain(status, body, meaning=None, *, method="POST", secrets=(), headers=None):
    """What an error response of WorkOS becomes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = Response(status, headers or {}, content)
    return api_error(response, creating=method == "POST", meaning=meaning, secrets=secrets)


def answer(code=None, message="Oops.", errors=None):
    body = {"message": message, "code": code, "errors": errors}
    return {name: value for name, value in body.items() if value is not None}


def nested(*codes, code="user_creation_error"):
    items = [{"code": item, "message": "No."} for item in codes]
    return answer(code, "Could not create user.", items)


TAKEN = "External ID already assigned to another organization"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, nested("email_not_available"), Reason.EMAIL_EXISTS),
        (400, nested("email_not_available", "password_too_weak"), Reason.EMAIL_EXISTS),
        (400, nested("external_id_already_used"), Reason.EXTERNAL_ID_EXISTS),
        (400, nested("external_id_already_in_use"), Reason.EXTERNAL_ID_EXISTS),
        (409, answer("external_id_already_in_use"), Reason.EXTERNAL_ID_EXISTS),
        (400, nested("email_not_available", "external_id_already_used"), Reason.USER_EXISTS),
        (400, nested("invalid_email"), Reason.REFUSED),
        (400, answer("user_creation_error", "Could not create user."), Reason.USER_EXISTS),
        (400, answer("user_creation_error", "No.", []), Reason.USER_EXISTS),
        (400, answer("email_not_available"), Reason.EMAIL_EXISTS),
        (400, answer("external_id_already_used"), Reason.EXTERNAL_ID_EXISTS),
        (409, answer("user_already_exists"), Reason.EMAIL_EXISTS),
        (409, answer("email_already_in_use"), Reason.EMAIL_EXISTS),
        (409, answer(message="User a@b.c already exists"), Reason.EMAIL_EXISTS),
        (409, answer("conflict"), Reason.EMAIL_EXISTS),
        (400, answer(message="This email is not available."), Reason.EMAIL_EXISTS),
        (400, answer(message="The external_id x is already in use"), Reason.EXTERNAL_ID_EXISTS),
        (400, answer("password_strength_error"), Reason.REFUSED),
        (400, answer("invalid_password_hash"), Reason.REFUSED),
        (422, answer("invalid_request_parameters", "Validation failed"), Reason.REFUSED),
        (404, answer("entity_not_found", "User not found: 'user_1'."), Reason.NOT_FOUND),
    ],
)
def test_a_user_that_exists_is_known_in_every_variant(status, body, reason):
    assert explain(status, body, user_reason).reason is reason


def test_a_conflict_on_update_is_not_taken_for_an_existing_email():
    body = answer("user_update_not_allowed")
    assert explain(409, body, user_reason, method="PUT").reason is Reason.REFUSED


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, answer("external_id_already_used"), Reason.EXTERNAL_ID_EXISTS),
        (400, answer(message="external_id 1 has already been assigned"), Reason.EXTERNAL_ID_EXISTS),
        (422, answer(message=TAKEN), Reason.EXTERNAL_ID_EXISTS),
        (
            409,
            answer(message="An Organization with the domain example.com already exists."),
            Reason.REFUSED,
        ),
    ],
)
def test_an_organization_that_exists_is_known_in_every_variant(status, body, reason):
    assert explain(status, body, organization_reason).reason is reason


@pytest.mark.parametrize(
    ("status", "body", "method", "reason"),
    [
        (409, answer("role_slug_conflict"), "POST", Reason.SLUG_EXISTS),
        (409, answer("organization_role_slug_conflict"), "POST", Reason.SLUG_EXISTS),
        (409, answer("permission_slug_conflict"), "POST", Reason.SLUG_EXISTS),
        (422, answer(errors=[{"field": "slug", "code": "duplicate"}]), "POST", Reason.SLUG_EXISTS),
        (422, answer("invalid_request_parameters"), "POST", Reason.REFUSED),
        (409, answer("conflict"), "PATCH", Reason.REFUSED),
    ],
)
def test_a_slug_that_is_taken_is_known_in_every_variant(status, body, method, reason):
    assert explain(status, body, slug_reason, method=method).reason is reason


PENDING = "cannot_reactivate_pending_organization_membership"
MULTIPLE_OFF = "Multiple roles is not enabled for this environment."


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (409, answer("organization_membership_already_exists"), Reason.MEMBER_EXISTS),
        (400, answer("user_already_organization_member"), Reason.MEMBER_EXISTS),
        (422, answer("entity_already_exists"), Reason.MEMBER_EXISTS),
        (409, answer("conflict", "Membership already exists"), Reason.MEMBER_EXISTS),
        (400, answer(message="The user is already a member."), Reason.MEMBER_EXISTS),
        (400, answer(PENDING), Reason.MEMBER_PENDING),
        (409, answer(PENDING), Reason.MEMBER_PENDING),
        (422, answer("invalid_role", "Role 'x' is not a valid role."), Reason.INVALID_ROLE),
        (422, answer(message="Role 'x' is not a valid role."), Reason.INVALID_ROLE),
        (422, answer("sub_resource_scoped_role_not_allowed"), Reason.INVALID_ROLE),
        (404, answer("entity_not_found", "Role not found: 'x'."), Reason.INVALID_ROLE),
        (422, answer("multiple_roles_not_enabled"), Reason.MULTIPLE_ROLES_OFF),
        (422, answer(message=MULTIPLE_OFF), Reason.MULTIPLE_ROLES_OFF),
        (404, answer("entity_not_found", "Organization not found: 'org_1'."), Reason.NOT_FOUND),
        (422, answer(errors=[{"code": "user_id_string_required"}]), Reason.REFUSED),
        (409, answer("conflict", "Try again."), Reason.CONFLICT),
    ],
)
def test_what_is_in_the_way_of_a_membership_is_known_in_every_variant(status, body, reason):
    assert explain(status, body, membership_reason).reason is reason


@pytest.mark.parametrize("meaning", [None, user_reason, organization_reason, membership_reason])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (408, {}),
        (425, {}),
        (429, answer(message="Rate limit exceeded.")),
        (409, answer("lock_timeout")),
        (400, answer("rate_limit_exceeded")),
        (403, answer(message="Rate limit exceeded.")),
        (500, answer("user_creation_error")),
        (502, b"<html>Bad gateway</html>"),
        (522, b""),
        (404, b"<html>Not found</html>"),
    ],
)
def test_what_may_work_later_is_retryable(status, body, meaning):
    error = explain(status, body, meaning)
    assert error.reason is Reason.GAVE_UP
    assert error.retryable
    assert error.status == status


@pytest.mark.parametrize(
    ("body", "entity_id"),
    [
        (answer("entity_not_found", "x") | {"entity_id": "org_9"}, "org_9"),
        (answer("entity_not_found", "x org_9") | {"entity_id": 1}, "org_9"),
        (answer(message="User not found: 'user_01ABC'."), "user_01ABC"),
        (answer(message="Could not find an organization with the id, org_01ABC."), "org_01ABC"),
        (answer(message="Not Found"), None),
    ],
)
def test_a_404_names_what_was_not_found(body, entity_id):
    assert explain(404, body).entity_id == entity_id


def test_an_answer_is_passed_on_with_its_code_request_id_and_errors():
    errors = [{"code": "password_too_short", "minimum_length": 10, "message": "Too short."}]
    error = explain(
        400, answer("password_strength_error", "Weak.", errors), headers={"x-request-id": "req_1"}
    )
    assert (error.message, error.code, error.request_id) == (
        "Weak.",
        "password_strength_error",
        "req_1",
    )
    assert error.errors == errors


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>secret</html>", b"[1]", b'"x"', b"null", {}, {"message": None}, {"message": 7}],
)
def test_a_body_that_is_no_error_object_is_not_quoted(body):
    error = explain(418, body)
    assert error.message == "an error without a message"
    assert (error.code, error.errors, error.reason) == (None, [], Reason.REFUSED)


CONSTRAINTS = {"isEmail": "email must be an email", "maxLength": "email is too long"}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"message": ["No email.", "No name."]}, "No email. No name."),
        ({"message": ["No email.", {"x": 1}, None]}, "No email."),
        ({"message": [], "error": "Bad Request"}, "Bad Request"),
        ({"error": "Unauthorized"}, "Unauthorized"),
        (
            {"message": "No.", "errors": ["email is bad", "name is bad"]},
            "No: email is bad; name is bad",
        ),
        ({"message": "No.", "errors": "email is bad"}, "No: email is bad"),
        (
            {"message": "No.", "errors": [{"property": "email", "constraints": CONSTRAINTS}]},
            "No: email: email must be an email; email is too long",
        ),
        ({"message": "No.", "errors": [{"field": "email", "code": "taken"}]}, "No: email: taken"),
        ({"message": "No.", "errors": [{"code": "taken"}]}, "No: taken"),
        ({"message": "No.", "errors": [{"message": ["a", "b"]}]}, "No: a; b"),
        ({"message": "No.", "errors": [{"code": "x", "message": "Why."}, "Why."]}, "No: Why."),
        ({"message": "No.", "errors": {"email": ["is bad"]}}, 'No: {"email": ["is bad"]}'),
        (
            {"message": "No.", "errors": [{"property": "a", "constraints": []}]},
            'No: {"property": "a", "constraints": []}',
        ),
        ({"message": "No.", "errors": [7, True, ["x"], None, {}]}, 'No: 7; true; ["x"]'),
    ],
)
def test_what_workos_says_is_shown_whatever_shape_it_has(body, shown):
    assert str(explain(400, body)) == f"{shown} (HTTP 400)"


@pytest.mark.parametrize("errors", ["bad", {"code": "email_not_available"}, [None, 3, "x", []]])
def test_errors_of_an_unknown_shape_are_kept_as_a_list(errors):
    error = explain(400, answer("user_creation_error", errors=errors))
    assert error.errors == (errors if isinstance(errors, list) else [errors])


FIELDS = ("message", "code", "errors", "error", "error_description", "entity_id", "param")
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(
    st.sampled_from([400, 403, 404, 409, 422, 429, 500, 999]),
    ANY_JSON | st.dictionaries(st.sampled_from(FIELDS), ANY_JSON),
    st.sampled_from([None, user_reason, organization_reason, membership_reason, slug_reason]),
)
def test_an_error_of_any_shape_has_a_reason_and_a_text(status, body, meaning):
    error = explain(status, body, meaning, secrets=["secret"])
    assert isinstance(error.reason, Reason)
    assert len(str(error)) > 0
    assert isinstance(error.entity_id, str | None)


HASH = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
PASSWORD = 'pä"ss\\word'


@pytest.mark.parametrize(
    "echo",
    [
        f"password_hash {HASH} is invalid",
        f"password_hash {HASH[:20]}... is invalid",
        "bad: " + json.dumps({"password": PASSWORD}),
        "bad: pä&quot;ss\\word",
        PASSWORD,
        "key sk_test_1234567890 refused",
    ],
)
def test_a_secret_that_workos_quotes_is_redacted_wherever_it_stands(echo):
    secrets = [HASH, PASSWORD, "sk_test_1234567890"]
    error = explain(
        400, answer("x y z", echo, [{"value": echo, "deep": [{echo: echo}]}]), secrets=secrets
    )
    shown = json.dumps([error.message, error.errors], ensure_ascii=False)
    for part in (HASH[:20], "ss\\word", "sk_test_1234567890", "&quot;ss"):
        assert part not in shown
    assert "[redacted]" in error.message


@given(st.text(min_size=5, max_size=80), st.text(max_size=20), st.text(max_size=700))
@example("secret", "", "x" * 700)
def test_no_secret_is_ever_shown_and_no_text_is_long(secret, before, after):
    echo = before + secret + after
    error = explain(
        400, answer(secret, echo, [echo, {"code": secret, "message": echo}]), secrets=[secret]
    )
    if secret in "[redacted]":
        return
    plain, item = error.errors
    assert len(item) == 2
    for text in (error.message, error.code, plain, *item, *item.values()):
        assert all(secret not in part for part in text.split("[redacted]"))
        assert len(text) <= 500


def test_codes_stay_whole_where_a_password_is_a_common_word():
    error = explain(
        400,
        answer("password_strength_error", "password is weak", [{"code": "password_too_weak"}]),
        secrets=["password"],
    )
    assert error.code == "password_strength_error"
    assert error.errors == [{"code": "password_too_weak"}]
    assert error.message == "[redacted] is weak"


def test_numbers_that_are_the_password_are_redacted():
    error = explain(400, answer(errors=[{"value": 123456, "length": 6}]), secrets=["123456"])
    assert error.errors == [{"value": "[redacted]", "length": 6}]


def test_errors_are_bounded_in_number_and_depth():
    deep = [[[[[[["end"]]]]]]]
    error = explain(400, answer(errors=[deep] + ["x"] * 1_000))
    assert len(error.errors) == 20
    assert "end" not in json.dumps(error.errors)
