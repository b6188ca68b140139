"""What is composed for ssh, and the URL that PostgreSQL is reached by behind it."""

from pathlib import Path

import pytest

from proxy.migrations.ssh import Destination, _through


@pytest.mark.parametrize(
    ("url", "login", "through"),
    [
        (None, None, "postgresql:///?host=%2Ft%2Fx&port=5432"),
        (None, "deploy", "postgresql://deploy@/?host=%2Ft%2Fx&port=5432"),
        ("postgresql://owner@elsewhere:6000/db", "deploy", "postgresql://owner@/?host=%2Ft%2Fx&port=5432"),
        ("postgresql://o%40x:s%2Fw@", None, "postgresql://o%40x:s%2Fw@/?host=%2Ft%2Fx&port=5432"),
        (
            "postgresql:///?host=/run&port=1&sslmode=disable",
            "d",
            "postgresql://d@/?sslmode=disable&host=%2Ft%2Fx&port=5432",
        ),
    ],
)
def test_the_login_stays_and_the_place_changes(url: str | None, login: str | None, through: str) -> None:
    """Who logs in is said by the URL, else by ssh; where, by the link alone."""
    assert _through(url, Path("/t/x"), login) == through


def test_a_destination_is_never_an_option() -> None:
    """Whatever it begins with."""
    command = Destination("-oProxyCommand=x", config=Path("my config")).command("-N")
    assert command == ["ssh", "-F", "my config", "-N", "--", "-oProxyCommand=x"]
