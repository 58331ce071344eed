"""What reaches a provider that allows so many requests a second, and what it has to refuse.

python -m benchmarks.rate_limit [--rate 100] [--workers 200] [--seconds 15] [--latency 0.2] [--rounds 3]

The real dispatcher and SDK against the loopback provider, which refuses with 429 and a time to wait. Its limits hold a
second's worth to be spent at once. Compared: limits announced in headers; not announced; announced limits of tokens;
limits that only the user knows; two models with limits of their own at once; and the SDK's own two retries without a gate.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from benchmarks.results import Row, keep
from benchmarks.server import Server
from judge.errors import ProviderError
from judge.labelling.dispatch import Dispatcher, Gate
from judge.providers import connect
from judge.providers.settings import Settings
from judge.request import Block, Request
from tests.loopback import KEY, Process

MODEL = "openai/gpt-4.1-mini"
OTHER = "anthropic/claude-sonnet-5-5"
TEXT = "x" * 3800
TOKENS = 1000
"""Of each request, nearly."""


@dataclass
class Outcome:
    """``rate`` is what was answered, as a share of what the limit allowed in that time; the others of all requests."""

    rate: float
    refused: float
    lost: float


def settings(server: Process | Server, model: str, workers: int) -> Settings:
    url = server.anthropic_url if model.startswith("anthropic/") else server.openai_url
    return Settings.load(
        base_url=url, openai_api_key=KEY, anthropic_api_key=KEY, max_in_flight=workers, timeout=60.0
    )


async def through_the_gate(
    server: Process | Server, model: str, args: argparse.Namespace, told: bool = False
) -> int:
    """All requests, as the pipeline sends them; returns how many were lost."""
    provider = connect(model, settings(server, model, args.workers))
    capabilities = provider.capabilities
    if told:
        capabilities = replace(capabilities, requests_per_minute=int(args.rate * 60))
    gate = Gate.for_model(args.workers, capabilities)
    dispatcher = Dispatcher(provider, gate, 600, lambda _: None)
    lost = 0

    async def one(number: int) -> None:
        nonlocal lost
        try:
            await dispatcher.send(Request(model, "", (Block(f"{number} {TEXT}"),)))
        except ProviderError:
            lost += 1

    await in_parallel(one, args)
    await provider.close()
    return lost


async def by_sdk_retries(server: Process | Server, args: argparse.Namespace) -> int:
    from openai import AsyncOpenAI, OpenAIError

    client = AsyncOpenAI(api_key=KEY, base_url=server.openai_url)
    lost = 0

    async def one(number: int) -> None:
        nonlocal lost
        lost += 1
        with suppress(OpenAIError):
            await client.chat.completions.create(
                model="gpt-4.1-mini", messages=[{"role": "user", "content": f"{number} {TEXT}"}]
            )
            lost -= 1

    await in_parallel(one, args)
    await client.close()
    return lost


async def in_parallel(one: Callable[[int], Awaitable[None]], args: argparse.Namespace) -> None:
    numbers = iter(range(int(args.rate * args.seconds)))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(worker() for _ in range(args.workers)))


async def run(way: str, args: argparse.Namespace) -> list[Outcome]:
    silent = way in ("not announced", "told by the user")

    def server() -> Process | Server:
        if way == "tokens announced":  # the server in C counts requests alone
            flags = ["--latency", str(args.latency), "--burst", str(1 / 60), "--fixed-answer"]
            return Process(*flags, "--tokens-per-minute", str(args.rate * 60 * TOKENS))
        return Server(args.latency, rate=args.rate, silent=silent)

    with server() as one, server() as two:
        begun = time.perf_counter()
        servers = [one]
        if way == "SDK retries":
            lost = [await by_sdk_retries(one, args)]
        elif way == "two models at once":
            servers = [one, two]
            ways = (through_the_gate(one, MODEL, args), through_the_gate(two, OTHER, args))
            lost = list(await asyncio.gather(*ways))
        else:
            lost = [await through_the_gate(one, MODEL, args, told=way == "told by the user")]
        seconds = time.perf_counter() - begun
        found = []
        for asked, gone in zip(servers, lost, strict=True):
            stats = asked.stats()
            allowed = args.rate * (seconds + 1)  # the bucket was full in the beginning
            refused = stats["statuses"].get("429", 0)
            total = int(args.rate * args.seconds)
            found.append(Outcome(stats["bought"] / allowed, refused / stats["requests"], gone / total))
        return found


WAYS = (
    "announced",
    "not announced",
    "tokens announced",
    "told by the user",
    "two models at once",
    "SDK retries",
)

GOALS = {
    "announced": "at least 95 %, at most 1 %, none",
    "tokens announced": "likewise",
    "told by the user": "likewise",
    "two models at once": "likewise",
    "not announced": "at least 85 %, at most 10 %, none",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rate_limit")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second that are allowed")
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long the requests should take")
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", default=",".join(WAYS))
    args = parser.parse_args()
    for model in (MODEL, OTHER):  # importing an SDK takes a second, which is no time of sending
        connect(model, Settings.load(openai_api_key=KEY, anthropic_api_key=KEY))
    rows = []
    print(f"{'limits':20} {'of the allowed rate':>20} {'refused':>9} {'lost':>7}")
    for way in args.ways.split(","):
        found = [outcome for _ in range(args.rounds) for outcome in asyncio.run(run(way, args))]
        row = {
            name: statistics.median(getattr(o, name) for o in found) for name in ("rate", "refused", "lost")
        }
        rows.append({"way": way, **row})
        print(f"{way:20} {row['rate']:20.1%} {row['refused']:9.2%} {row['lost']:7.2%}", flush=True)
    lines = [
        Row(
            f"a limit of {args.rate:g} requests a second and {args.workers} workers, {row['way']}",
            f"{row['rate']:.0%} of the allowed rate, {row['refused']:.1%} refused, {row['lost']:.1%} lost",
            GOALS.get(row["way"], ""),
        )
        for row in rows
    ]
    keep("rate_limit", {"rate": args.rate, "workers": args.workers, "rows": rows}, lines)


if __name__ == "__main__":
    main()
