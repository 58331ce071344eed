"""The yardstick: what a researcher writes in ten minutes. AsyncOpenAI, gather, a semaphore; nothing is stored.

Run by ``benchmarks.label_cpu``: ``python -m benchmarks.plain_script DATA BASE_URL KEY RUBRIC_FILE IN_FLIGHT create|parse``.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from judge.grader.contract import Answer, common_schema


async def main(data: str, base_url: str, key: str, rubric_file: str, in_flight: int, way: str) -> None:
    # The default gives up on a connection after five seconds, which on a busy machine its own work can take.
    client = AsyncOpenAI(base_url=base_url, api_key=key, timeout=600)
    rubric = Path(rubric_file).read_text(encoding="utf-8")
    gate = asyncio.Semaphore(in_flight)
    schema: Any = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": common_schema()},
    }

    async def label(line: str) -> Answer | None:
        messages = json.loads(line)["messages"]
        text = "\n\n".join(f"[M{n} {m['role']}]\n{m['text']}" for n, m in enumerate(messages, start=1))
        content: Any = [
            {"role": "user", "content": f"⟦transcript 0⟧\n{text}\n⟦end of transcript 0⟧\n{rubric}"}
        ]
        async with gate:
            if way == "parse":
                parsed = await client.chat.completions.parse(
                    model="gpt-4.1-mini", messages=content, response_format=Answer, max_completion_tokens=4096
                )
                return parsed.choices[0].message.parsed
            answer = await client.chat.completions.create(
                model="gpt-4.1-mini", messages=content, response_format=schema, max_completion_tokens=4096
            )
        return Answer.model_validate_json(answer.choices[0].message.content or "")

    with Path(data).open(encoding="utf-8") as file:
        answers = await asyncio.gather(*(label(line) for line in file))
    print(len(answers))


if __name__ == "__main__":
    data, base_url, key, rubric_file, in_flight, way = sys.argv[1:]
    asyncio.run(main(data, base_url, key, rubric_file, int(in_flight), way))
