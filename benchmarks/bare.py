"""The yardstick: a bare aiohttp loop that sends the same requests; prints its CPU seconds."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp

from benchmarks.harness import API_KEY, messages

CONCURRENCY = 20


def requests(users: int, organizations: int) -> list[tuple[str, str, bytes | None]]:
    """Method, path and body of each request that a fresh import of these users makes."""
    found: list[tuple[str, str, bytes | None]] = []
    seen: set[str] = set()
    for line in messages(users, organizations):
        record = json.loads(line).get("record")
        if not record:
            continue
        external_id = record["org_external_id"]
        if external_id not in seen:
            seen.add(external_id)
            found.append(("GET", f"/organizations/external_id/{external_id}", None))
            body = {"name": record["org_name"], "external_id": external_id}
            found.append(("POST", "/organizations", json.dumps(body).encode()))
        user = {key: value for key, value in record.items() if not key.startswith(("org", "role"))}
        user |= {"email_verified": True, "metadata": json.loads(user["metadata"])}
        found.append(("POST", "/user_management/users", json.dumps(user).encode()))
        member = {"user_id": "user_1", "organization_id": "org_1", "role_slug": "member"}
        path = "/user_management/organization_memberships"
        found.append(("POST", path, json.dumps(member).encode()))
    return found


async def main(url: str, users: int, organizations: int) -> None:
    """Send them, with as many in flight as the target has."""
    todo = iter(requests(users, organizations))
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(url, connector=connector, headers=headers) as session:

        async def work() -> None:
            for method, path, body in todo:
                async with session.request(method, path, data=body) as answer:
                    json.loads(await answer.read())

        before = time.process_time()
        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
        print(time.process_time() - before)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
