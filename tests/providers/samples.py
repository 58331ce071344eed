"""Connections to the loopback server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from judge.providers import connect
from judge.providers.settings import Settings
from judge.request import Completion, Provider, Request
from tests.dialects.samples import REQUEST
from tests.loopback import Server

MODELS = ("openai/gpt-6-luna", "openai/gpt-4.1", "compatible/org/model", "anthropic/claude-sonnet-5-5")
ANTHROPIC = "anthropic/claude-sonnet-5-5"


def settings(server: Server, model: str, **changes: Any) -> Settings:
    url = server.anthropic_url if model.startswith("anthropic/") else server.openai_url
    keys = dict.fromkeys(("openai_api_key", "anthropic_api_key", "judge_api_key"), server.key)
    return Settings.load(**{**keys, "base_url": url, "timeout": 60.0, **changes})


@asynccontextmanager
async def connected(server: Server, model: str, **changes: Any) -> AsyncIterator[Provider]:
    provider = connect(model, settings(server, model, **changes))
    try:
        yield provider
    finally:
        await provider.close()


def request(model: str, **changes: Any) -> Request:
    from dataclasses import replace

    return replace(REQUEST, model=model, **changes)


def ask(server: Server, model: str, **changes: Any) -> Completion:
    """Connect, ask once, close."""

    async def once() -> Completion:
        async with connected(server, model, **changes) as provider:
            return await provider.complete(request(model))

    return asyncio.run(once())
