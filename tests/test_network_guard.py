"""The suite reaches loopback and nothing else: neither this process nor those it starts."""

import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.loopback import Server

OUTSIDE = "192.0.2.1"  # reserved for documentation: nobody is there


@pytest.mark.parametrize("address", [(OUTSIDE, 443), ("8.8.8.8", 53)])
def test_a_connection_to_elsewhere_is_refused_before_it_is_tried(address: tuple[str, int]) -> None:
    with socket.socket() as tcp, pytest.raises(OSError, match="may not reach"):
        tcp.connect(address)
    with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(OSError, match="may not reach"):
        udp.sendto(b"x", address)


def test_a_name_is_not_even_looked_up() -> None:
    with pytest.raises(OSError, match="may not reach"):
        socket.getaddrinfo("example.com", 443)


@pytest.mark.parametrize("prefix", [[], ["-m", "timeit", "-n1", "-r1"]])
def test_processes_that_tests_start_are_bound_by_it(prefix: list[str]) -> None:
    code = f"import socket; socket.create_connection(('{OUTSIDE}', 443), timeout=5)"
    command = [sys.executable, *(prefix or ["-c"]), code]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode != 0
    assert "may not reach" in found.stderr


def test_loopback_is_open(server: Server) -> None:
    with urllib.request.urlopen(f"{server.url}/stats", timeout=60) as response:
        assert response.status == 200
    with urllib.request.urlopen(f"http://localhost:{server.port}/stats", timeout=60) as response:
        assert response.status == 200
