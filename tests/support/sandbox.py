"""Servers that answer from another thread, a sandbox first of all, and a client for that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import requests

from workos_sandbox import DEFAULT_API_KEY, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

Server = TypeVar("Server")


@contextlib.contextmanager
def in_another_thread(server: AbstractAsyncContextManager[Server]) -> Iterator[Server]:
    """Enter it there, so that it answers as another process would."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait_for(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    try:
        entered = wait_for(server.__aenter__())
        try:
            yield entered
        finally:
            wait_for(server.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def running_sandbox(path: Path, **options: Any) -> AbstractContextManager[Sandbox]:
    """A sandbox that answers from another thread."""
    return in_another_thread(Sandbox(path, **options))


def client(api_key: str = DEFAULT_API_KEY) -> requests.Session:
    """A session that sends a key, and ignores proxies and .netrc."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {api_key}"
    return session


def call(sandbox: Sandbox, method: str, path: str, body: Any = None, **query: str) -> Any:
    """A request to the sandbox, as another client would send it; the answer's JSON."""
    url = sandbox.base_url + quote(path, safe="/?=&%")
    with client(sandbox.api_key) as session:
        answer = session.request(method, url, params=query, json=body, timeout=30)
    assert answer.ok, answer.text
    return answer.json() if "json" in answer.headers["Content-Type"] and answer.content else None
