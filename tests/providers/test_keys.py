"""A key goes into one header and nowhere else."""

import asyncio
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from judge.errors import JudgeError, ProviderError, ProviderMisconfigured, UsageError
from judge.providers import connect
from judge.providers.scrub import scrub
from judge.providers.settings import Settings
from tests.loopback import Fault, Options, Server
from tests.loopback.wire import Call, Reply
from tests.providers.samples import MODELS, ask, connected, request, settings

MARKED = "marked-secret-5f1c9aa0b7"
every_model = pytest.mark.parametrize("model", MODELS)


@every_model
@pytest.mark.parametrize("plain", [False, True])
def test_the_key_travels_as_a_bearer_token(server: Server, model: str, plain: bool) -> None:
    ask(server, model, plain_sdk=plain)
    assert server.service.last_headers["authorization"] == f"Bearer {server.key}"


@every_model
@pytest.mark.parametrize("fault", ["echo_key", "500", "400", "cut", "reset", "stall", "error_in_200"])
def test_no_error_log_or_traceback_shows_the_key(
    model: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Server(Options(key=MARKED)) as server:
        server.script(Fault(fault, seconds=30))
        with pytest.raises(ProviderError) as caught:
            ask(server, model, timeout=0.5 if fault == "stall" else 60.0)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + caplog.text
    assert MARKED not in shown
    if fault == "echo_key":
        assert "[key]" in str(caught.value)


@every_model
def test_no_exception_that_holds_the_request_hangs_on_to_ours(model: str) -> None:
    with Server(Options(key=MARKED)) as server:
        server.script(Fault("500"))
        with pytest.raises(ProviderError) as caught:
            ask(server, model)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@every_model
def test_a_wrong_key_is_not_repeated_even_in_the_masked_form_of_the_provider(model: str) -> None:
    with Server(Options(key="the-right-one")) as server, pytest.raises(ProviderMisconfigured) as caught:
        ask(
            server,
            model,
            openai_api_key="sk-wrong-12345",
            anthropic_api_key="sk-wrong-12345",
            judge_api_key="sk-wrong-12345",
        )
    assert "sk-" not in str(caught.value)
    assert "2345" not in str(caught.value)


@every_model
def test_neither_settings_nor_providers_print_it(server: Server, model: str) -> None:
    chosen = settings(server, model, openai_api_key=MARKED, anthropic_api_key=MARKED, judge_api_key=MARKED)
    provider = connect(model, chosen)
    assert MARKED not in repr(chosen) + str(chosen) + chosen.model_dump_json() + repr(provider) + str(
        provider
    )
    asyncio.run(provider.close())


def test_a_compatible_server_without_a_key_gets_no_authorization_and_no_other_key() -> None:
    with Server(Options(key="")) as server:
        for plain in (False, True):
            chosen = Settings.load(
                base_url=server.openai_url, openai_api_key=MARKED, anthropic_api_key=MARKED, plain_sdk=plain
            )

            async def once(chosen: Settings = chosen) -> None:
                provider = connect("compatible/m", chosen)
                await provider.complete(request("compatible/m"))
                await provider.close()

            asyncio.run(once())
            assert "authorization" not in server.service.last_headers
            assert MARKED not in str(server.service.last_headers)


VENDORS = {
    "openai/m": ("openai_api_key", "OPENAI_BASE_URL", "https://api.openai.com/v1/"),
    "anthropic/m": ("anthropic_api_key", "ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
}


@pytest.mark.parametrize("model", VENDORS)
@pytest.mark.parametrize("from_file", [True, False])
@pytest.mark.parametrize("plain", [True, False])
def test_no_environment_and_no_dot_env_sends_a_vendors_key_elsewhere(
    model: str, from_file: bool, plain: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key, sdks_own, vendor = VENDORS[model]
    names = ("JUDGE_BASE_URL", "BASE_URL", "base_url", "COMPATIBLE_BASE_URL", sdks_own)
    if from_file:
        (tmp_path / ".env").write_text("".join(f"{name}=https://thief.example/v1\n" for name in names))
    else:
        for name in names:
            monkeypatch.setenv(name, "https://thief.example/v1")
    chosen = Settings.load(**{key: MARKED, "plain_sdk": plain})
    assert chosen.compatible == "https://thief.example/v1"
    provider: Any = connect(model, chosen)
    assert str(provider._client.base_url) == vendor
    asyncio.run(provider.close())


def test_only_the_judges_own_names_are_read_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TIMEOUT", "MAX_IN_FLIGHT", "PLAIN_SDK"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("JUDGE_TIMEOUT", "7")
    found = Settings.load()
    assert (found.timeout, found.max_in_flight, found.plain_sdk) == (7.0, 512, False)


def test_a_compatible_server_is_found_by_the_environment_and_rather_by_the_flag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Server() as named, Server() as flagged:
        monkeypatch.setenv("JUDGE_BASE_URL", named.openai_url)
        ask(named, "compatible/m", base_url=None)
        ask(flagged, "compatible/m")
        assert (named.counts.requests, flagged.counts.requests) == (1, 1)


@pytest.mark.parametrize("model", VENDORS)
@pytest.mark.parametrize("host", ["10.0.0.5:8000", "gateway.example", "127.0.0.1@gateway.example"])
def test_a_vendors_key_is_not_sent_unencrypted_to_another_machine(model: str, host: str) -> None:
    key = VENDORS[model][0]
    with pytest.raises(UsageError, match="unencrypted") as caught:
        connect(model, Settings.load(base_url=f"http://{host}/v1", **{key: MARKED}))
    assert "compatible/NAME" in str(caught.value)
    for address in (f"https://{host}/v1", "http://localhost:9/v1", "http://[::1]:9/v1"):
        asyncio.run(connect(model, Settings.load(base_url=address, **{key: MARKED})).close())


@every_model
@pytest.mark.parametrize("plain", [False, True])
def test_no_redirect_is_followed_because_the_key_would_go_along(model: str, plain: bool) -> None:
    with Server() as here, Server() as there:

        async def elsewhere(call: Call) -> Reply:
            return Reply(307, b"", {"location": f"{there.url}{call.path}"})

        here.service.handle = elsewhere  # type: ignore[method-assign]  # the server plays another server
        with pytest.raises(ProviderMisconfigured, match="redirect"):
            ask(here, model, plain_sdk=plain)
        assert there.counts.requests == 0


@pytest.mark.parametrize("plain", [False, True])
def test_openais_account_is_named_to_openai_alone(
    server: Server, plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", MARKED)
    monkeypatch.setenv("OPENAI_PROJECT_ID", MARKED)
    ask(server, "openai/gpt-4.1", plain_sdk=plain)
    assert server.service.last_headers["openai-organization"] == MARKED
    ask(server, "compatible/m", plain_sdk=plain)
    assert MARKED not in str(server.service.last_headers)


@pytest.mark.parametrize(
    ("model", "variable"), [("openai/m", "OPENAI_API_KEY"), ("anthropic/m", "ANTHROPIC_API_KEY")]
)
def test_a_missing_key_says_which_and_where_to_put_it(
    model: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        connect(model)
    assert f"set {variable} in the environment" in str(caught.value)
    assert ".env" in str(caught.value)


def test_keys_are_read_from_the_environment_before_dot_env(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        "OPENAI_API_KEY='from-file'\nANTHROPIC_API_KEY=also-from-file\nSOMETHING_ELSE=1\nJUDGE_API_KEY=\n"
    )
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    found = Settings.load()
    assert found.openai_api_key == SecretStr("from-environment")
    assert found.anthropic_api_key == SecretStr("also-from-file")
    assert found.judge_api_key is None
    assert Settings.load(openai_api_key="from-flag").openai_api_key == SecretStr("from-flag")


def test_a_key_that_cannot_be_one_is_refused_without_being_shown() -> None:
    bad = f"{MARKED}\n{MARKED}"
    with pytest.raises(UsageError) as caught:
        Settings.load(openai_api_key=bad)
    assert "copy it again" in str(caught.value)
    assert MARKED not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "fields",
    [
        {"base_url": "localhost:8000"},
        {"base_url": "http://[x"},
        {"base_url": "https://"},
        {"timeout": 0},
        {"timeout": "soon"},
        {"max_in_flight": 0},
    ],
)
def test_wrong_settings_are_usage_errors(fields: dict[str, object]) -> None:
    with pytest.raises(JudgeError, match="connection setting is wrong"):
        Settings.load(**fields)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"key {MARKED}!", "key [key]!"),
        ("Authorization: Bearer abc.def-123", "Authorization: [key]"),
        ("{'authorization': 'Bearer abcdefgh'}", "{'authorization': '[key]'}"),
        ('"x-api-key": "zzzzzz", "n": 1', '"x-api-key": "[key]", "n": 1'),
        ("Incorrect API key provided: sk-ab***********yz.", "Incorrect API key provided: [key]."),
        (
            "the bearer of bad news, a risk-free task-oriented one",
            "the bearer of bad news, a risk-free task-oriented one",
        ),
    ],
)
def test_whatever_looks_like_a_key_is_hidden_and_prose_is_not(text: str, clean: str) -> None:
    assert scrub(text, [SecretStr(MARKED), SecretStr("e")]) == clean


def test_connections_are_closed(server: Server) -> None:
    async def once() -> None:
        for model in MODELS:
            async with connected(server, model) as provider:
                await provider.complete(request(model))

    asyncio.run(once())  # an unclosed session would warn, and warnings are errors
