"""Responses on the wire: as they are, or as a fault leaves them."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from workos_sandbox.faults import Action
    from workos_sandbox.response import Response

_JSON = "application/json; charset=utf-8"
_HANG_CHECK_SECONDS = 10.0


def http_response(response: Response) -> web.Response:
    """The HTTP response, with a request id of its own."""
    body = response.body
    if not isinstance(body, bytes):
        body = b"" if body is None else msgspec.json.encode(body)
    return web.Response(status=response.status, body=body, headers=_headers(response.headers))


async def send_fault(
    request: web.BaseRequest,
    action: Action,
    response: web.Response | None,
    closing: asyncio.Event,
) -> web.StreamResponse:
    """Do to a request what the action says.

    Args:
        request: The request.
        action: The fault.
        response: What it would have been answered; None if it was not handled.
        closing: Set when the sandbox closes, which ends a wait for ever.

    Returns:
        What is left to send: where the connection is gone, aiohttp notices and sends nothing.
    """
    if action.kind in ("answer", "answer_after_write"):
        headers = _headers({"Content-Type": action.content_type, **action.headers})
        if action.body is None:
            assert response is not None
            return web.Response(status=response.status, body=response.body, headers=headers)
        return web.Response(status=action.status, body=action.body.encode(), headers=headers)
    if action.kind == "cut_off":
        assert response is not None
        return await _cut_off(request, response)
    if action.kind in ("hang", "hang_after_write"):
        await _hang(request, closing)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _hang(request: web.BaseRequest, closing: asyncio.Event) -> None:
    """Wait for the client, or the sandbox, to go away."""
    while request.transport is not None and not closing.is_set():
        try:
            await asyncio.wait_for(closing.wait(), _HANG_CHECK_SECONDS)
        except TimeoutError:
            continue


async def _cut_off(request: web.BaseRequest, response: web.Response) -> web.StreamResponse:
    """Promise the whole body, send half of it, close."""
    assert isinstance(response.body, bytes)
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(response.body)
    await half.prepare(request)
    await half.write(response.body[: len(response.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half


def _headers(given: dict[str, str]) -> dict[str, str]:
    return {"Content-Type": _JSON, "X-Request-Id": str(uuid.uuid4()), **given}
