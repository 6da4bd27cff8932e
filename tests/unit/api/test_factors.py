from __future__ import annotations

import pytest

from target_workos_users.exceptions import Reason
from tests.support.scripted_api import NOBODY, USERS, Api, failure, page
from tests.support.scripted_server import Drop, ScriptedServer

FACTOR = {"id": "auth_factor_1", "user_id": "user_1"}
FACTORS = f"{USERS}/user_1/auth_factors"


@pytest.mark.parametrize("wrapped", [True, False])
async def test_a_totp_factor_is_enrolled(workos, api, wrapped):
    answer = {"authentication_factor": FACTOR, "authentication_challenge": {}}
    sent = {"type": "totp", "totp_secret": "S", "totp_user": "a"}
    workos.says(f"POST {FACTORS}", 201, answer if wrapped else FACTOR, sent=sent)
    assert await api.enroll_totp("user_1", secret="S", issuer=None, user="a") == FACTOR


async def test_a_factor_is_listed_and_deleted(workos, api):
    workos.says(f"GET {FACTORS}", 200, page(FACTOR))
    workos.says("DELETE /auth/factors/auth_factor_1", 204, b"")
    assert await api.list_auth_factors("user_1") == [FACTOR]
    await api.delete_auth_factor("auth_factor_1")


async def test_the_factors_of_another_user_are_no_answer(workos, api):
    workos.says(f"GET {FACTORS}", 200, page(FACTOR | {"user_id": "user_2"}))
    assert (await failure(api.list_auth_factors("user_1"))).reason is Reason.GAVE_UP


async def test_an_enrollment_whose_answer_was_lost_is_ambiguous_and_sent_once():
    async with ScriptedServer(Drop()) as server, Api(server.url) as api:
        error = await failure(api.enroll_totp("user_1", secret="S", issuer=None, user=None))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)
    assert server.requests == [f"POST {FACTORS}", f"POST {USERS}/{NOBODY}/auth_factors"]
