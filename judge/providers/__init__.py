"""Models to ask. One file per provider, found by its name: ``openai/gpt-x`` is ``judge/providers/openai.py``.

A provider's file has ``connect(name, settings)``, which returns a ``judge.request.Provider``. To add one, add a file.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from judge.errors import UsageError
from judge.providers.settings import Settings
from judge.request import Provider

_SHARED = frozenset(
    {"__init__", "capabilities", "clients", "limits", "pool", "scrub", "sdk", "settings", "transport"}
)
"""The files here that are no providers."""

_REMOTE = frozenset({"anthropic", "compatible", "openai"})
"""Those that are reached at an address."""


def available() -> list[str]:
    """The providers' names."""
    return sorted({path.stem for path in Path(__file__).parent.glob("*.py")} - _SHARED)


def split(model: str) -> tuple[str, str]:
    """``provider/name`` into its two parts; ``local:/path/to.gguf`` is the provider ``local`` with that path.

    >>> split("openai/gpt-x"), split("compatible/org/model"), split("local:/models/a.gguf")
    (('openai', 'gpt-x'), ('compatible', 'org/model'), ('local', '/models/a.gguf'))
    """
    if model.startswith("local:"):
        provider, _, name = model.partition(":")
    else:
        provider, _, name = model.partition("/")
    if provider not in available() or not name:
        raise UsageError(
            f"{model!r} names no model",
            found=f"provider {provider!r}, name {name!r}",
            expected=f"PROVIDER/NAME with a provider among {', '.join(available())}; or local:/path/to.gguf",
        )
    return provider, name


def connect(model: str, settings: Settings | None = None) -> Provider:
    """The model behind a name, at one address or at several. Nothing is sent yet.

    Raises UsageError for an unknown provider or a missing key.
    """
    provider, name = split(model)
    module: Any = import_module(f"judge.providers.{provider}")
    chosen = settings or Settings.load()
    if not chosen.replicas or provider not in _REMOTE:
        connected: Provider = module.connect(name, chosen)
        return connected
    from judge.providers.pool import Pool, Replica

    addresses = dict.fromkeys(filter(None, (chosen.base_url, *chosen.replicas)))
    return Pool([Replica(module.connect(name, chosen.at(address)), address) for address in addresses])
