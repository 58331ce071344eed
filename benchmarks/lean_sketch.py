"""The other yardstick: the least that a durable labeller does. Nothing that this project adds to that is in here.

Each transcript is encoded once, the official client posts the bytes over a thin aiohttp transport, pydantic-core checks the
answer, and an answer counts when its group is committed to SQLite. No readers, windows, grounding, limits, retries or records.

Run by ``benchmarks.label_cpu``: ``python -m benchmarks.lean_sketch DATA BASE_URL KEY RUBRIC_FILE IN_FLIGHT``.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import aiohttp
import httpx2
import orjson
from openai import AsyncOpenAI

from judge.grader.contract import Answer, common_schema

Row = tuple[str, bytes, bytes]


class Thin(httpx2.AsyncBaseTransport):
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
        body = await request.aread()
        async with self.session.request(
            request.method, str(request.url), data=body, headers=headers
        ) as answer:
            content = await answer.read()
        return httpx2.Response(
            answer.status, headers=list(answer.raw_headers), content=content, request=request
        )


class Groups:
    """Rows gather while the last group is being committed."""

    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.execute("CREATE TABLE answer (key TEXT PRIMARY KEY, raw BLOB, labels BLOB)")
        self.rows: list[Row] = []
        self.done: asyncio.Future[None] | None = None
        self.busy: asyncio.Task[None] | None = None

    async def add(self, row: Row) -> None:
        self.rows.append(row)
        self.done = self.done or asyncio.get_running_loop().create_future()
        done, self.busy = self.done, self.busy or asyncio.create_task(self.commit())
        await done

    async def commit(self) -> None:
        while self.done is not None:
            rows, self.rows, done, self.done = self.rows, [], self.done, None
            await asyncio.to_thread(self.write, rows)
            done.set_result(None)
        self.busy = None

    def write(self, rows: list[Row]) -> None:
        self.database.execute("BEGIN")
        self.database.executemany("INSERT INTO answer VALUES (?, ?, ?)", rows)
        self.database.execute("COMMIT")


def bodies(data: str, rubric: str) -> Iterator[bytes]:
    schema = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": common_schema()},
    }
    rest = orjson.dumps({"max_completion_tokens": 4096, "response_format": schema})[1:]
    lines = Path(data).open("rb")  # noqa: SIM115  (read to its end, and then the process ends)
    for line in lines:
        messages = orjson.loads(line)["messages"]
        shown = "\n\n".join(f"[M{n} {m['role']}]\n{m['text']}" for n, m in enumerate(messages, start=1))
        content = orjson.dumps(f"⟦transcript 0⟧\n{shown}\n⟦end of transcript 0⟧\n{rubric}")
        yield b'{"model":"gpt-4.1-mini","messages":[{"role":"user","content":' + content + b"}]," + rest


async def main(data: str, base_url: str, key: str, rubric_file: str, in_flight: int) -> None:
    waiting = bodies(data, Path(rubric_file).read_text(encoding="utf-8"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:
        http = httpx2.AsyncClient(transport=Thin(session))
        client = AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, http_client=http)
        groups = Groups(f"{data}.sqlite")

        async def work() -> None:
            for body in waiting:
                raw = await client.post("/chat/completions", content=body, cast_to=httpx2.Response)
                text = orjson.loads(raw.content)["choices"][0]["message"]["content"]
                labels = Answer.model_validate_json(text).model_dump_json().encode()
                await groups.add((sha256(body).hexdigest(), raw.content, labels))

        await asyncio.gather(*(work() for _ in range(in_flight)))


if __name__ == "__main__":
    data, base_url, key, rubric_file, in_flight = sys.argv[1:]
    asyncio.run(main(data, base_url, key, rubric_file, int(in_flight)))
