"""Keys and connection settings: from the command line, else the environment, else ``.env`` in the working directory.

Only the names that stand here as aliases are looked for. Where OpenAI's or Anthropic's key is sent is not among them: a
``.env`` may have come with somebody's repository, so that only the command line can send those keys elsewhere.
"""

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from judge.errors import UsageError


class Settings(BaseSettings):
    """What a connection needs beside the model's name. ``load`` makes one with errors that a stranger can read."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    openai_api_key: SecretStr | None = Field(default=None, alias="OPENAI_API_KEY")
    anthropic_api_key: SecretStr | None = Field(default=None, alias="ANTHROPIC_API_KEY")
    judge_api_key: SecretStr | None = Field(default=None, alias="JUDGE_API_KEY")
    """The key for ``compatible/`` servers. No other key is ever sent to them."""
    base_url: str | None = None
    """Where the provider listens, said explicitly (``--base-url``). Never read from the environment or ``.env``."""
    replicas: tuple[str, ...] = ()
    """Further addresses where the same model is served, said as explicitly."""
    compatible_base_url: str | None = Field(default=None, alias="JUDGE_BASE_URL")
    """Where ``compatible/`` models are served unless ``base_url`` says otherwise. No other provider looks at it."""
    timeout: float = Field(default=600.0, gt=0, alias="JUDGE_TIMEOUT")
    """Seconds within which a whole answer must have arrived. Long reasoning takes minutes."""
    max_in_flight: int = Field(default=512, ge=1, alias="JUDGE_MAX_IN_FLIGHT")
    """The most connections that are opened at once."""
    batch_poll: float = Field(default=60.0, gt=0, alias="JUDGE_BATCH_POLL")
    """Seconds between two looks at batches that are under way."""
    plain_sdk: bool = Field(default=False, alias="JUDGE_PLAIN_SDK")
    """Send through the SDKs' own ``create`` and transport: slower, and the thing to try when the fast way misbehaves."""

    def __init__(self, **given: Any) -> None:
        fields = type(self).model_fields
        named = {fields[name].alias or name: value for name, value in given.items()}
        # They have no alias, so they would be looked for as BASE_URL; but what is said here is looked for nowhere else.
        super().__init__(**{"base_url": None, "replicas": (), **named})

    @property
    def compatible(self) -> str | None:
        """The address of a ``compatible/`` server."""
        return self.base_url or self.compatible_base_url

    def at(self, address: str) -> "Settings":
        """The same, with this address alone."""
        return self.model_copy(update={"base_url": address, "replicas": ()})

    @field_validator("openai_api_key", "anthropic_api_key", "judge_api_key")
    @classmethod
    def _key_fits_into_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None:
            return None
        value = key.get_secret_value().strip()
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("the key has blanks, line breaks or characters that no key has; copy it again")
        return SecretStr(value) if value else None

    @field_validator("base_url", "compatible_base_url")
    @classmethod
    def _address_is_http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("the address must begin with http:// or https://")
        if url is not None and not urlsplit(url).hostname:
            raise ValueError("the address names no host")
        return url

    @field_validator("replicas")
    @classmethod
    def _addresses_are_http(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(filter(None, map(cls._address_is_http, urls)))

    @classmethod
    def load(cls, **given: Any) -> "Settings":
        """Settings with these values on top; None means not given. Raises UsageError."""
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UsageError(
                "a connection setting is wrong",
                found=found,
                do="correct the flag, the environment variable or the line in .env",
            ) from None


def required_key(key: SecretStr | None, variable: str, model: str) -> SecretStr:
    """The key, or a UsageError that says where to put it."""
    if key is not None:
        return key
    raise UsageError(
        f"{model} needs a key",
        found=f"{variable} is not set",
        do=f"set {variable} in the environment, or write {variable}=... into a file .env in this directory "
        "(and keep that file out of version control)",
    )
