"""A model provider on loopback, for tests and benchmarks: two wire formats, strict, scriptable, and it counts.

    with Server(Options(latency=0.05)) as server:
        server.script(Fault("429", times=2, retry_after=0.1), Fault("cut", match="⟦M7 "))
        ...  # talk to server.openai_url or server.anthropic_url with the key in server.key
        assert server.stats()["bought_again"] == 0

``python -m tests.loopback --help`` runs the same thing as a process of its own, which benchmarks of CPU need; ``Process``
starts and stops one.
"""

from tests.loopback.answers import Asked, contract_answer
from tests.loopback.faults import Fault
from tests.loopback.process import Process
from tests.loopback.server import Server
from tests.loopback.service import KEY, Options
from tests.loopback.together import hold_until

__all__ = ["KEY", "Asked", "Fault", "Options", "Process", "Server", "contract_answer", "hold_until"]
