"""What every test gets: an upstream that follows a script, and a server of its own in front of it.

`AMP_POOL_SERVER` names the server's binary. Each test has its own process and data directory, so that cooldowns, retry
budgets and books of one test never reach another. When a test ends, three things are looked at whatever it was about:
the server did not panic, its log holds no secret, and the upstream never saw what clients and admins show.
"""

import os

import pytest

from house import complaints, furnish
from server import Pool
from speakers import SPEAKERS
from upstream import Upstream


# The one key that the `fit` server has for each provider.
CREDENTIALS = {"openai": "sk-proj-3f9a61c07de24b58-openai", "anthropic": "sk-ant-api03-8812fe0da94c-anthropic"}
# What a client shows that goes to the upstream itself, for comparison.
DIRECT = "sk-direct-0a1b2c3d4e5f6071"


def pytest_configure(config):
    config.addinivalue_line("markers", "settings(**environment): settings of the server for this test")
    # The price book and the client disagree about how long this model will live; its answers are the same.
    config.addinivalue_line("filterwarnings", "ignore:The model 'claude-sonnet-4-5' is deprecated:DeprecationWarning")


@pytest.fixture
def upstream():
    upstream = Upstream()
    upstream.start()
    yield upstream
    upstream.stop()


@pytest.fixture(scope="session")
def binary() -> str:
    path = os.environ.get("AMP_POOL_SERVER")
    assert path, "AMP_POOL_SERVER has to name the server's binary"
    return os.path.abspath(path)


@pytest.fixture
def pool(binary, upstream, tmp_path, request):
    marker = request.node.get_closest_marker("settings")
    pool = Pool(binary, tmp_path, **(marker.kwargs if marker else {}))
    yield pool
    pool.stop()
    print(pool.log())
    _look_over(pool, upstream)


@pytest.fixture
def fit(pool, upstream) -> Pool:
    """The server with one key per provider, and an upstream that answers to them and to `DIRECT`."""
    for provider, credential in CREDENTIALS.items():
        upstream.on(credential)
        pool.add_key(provider, upstream.url, credential)
    upstream.on(DIRECT)
    return pool


@pytest.fixture(params=SPEAKERS, ids=lambda speaker: speaker.name)
def speaker(request):
    """Each of the three formats."""
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def stream(request) -> bool:
    """Whether the answer is asked for as a stream."""
    return request.param


def _look_over(pool: Pool, upstream: Upstream) -> None:
    log = pool.log()
    assert "panicked at" not in log
    assert not [secret for secret in _secrets(pool) if secret in log]
    for seen in upstream.requests:
        assert pool.client_token.encode() not in seen.head + seen.body
        assert pool.admin_token.encode() not in seen.head + seen.body


def _secrets(pool: Pool) -> list[str]:
    return [*pool.credentials, pool.client_token, pool.admin_token]


@pytest.fixture(scope="module")
def house(binary, tmp_path_factory):
    """One server with every model over every upstream, for tests that change nothing in it (see `house.py`)."""
    upstream = Upstream()
    upstream.start()
    pool = Pool(binary, tmp_path_factory.mktemp("house"))
    furnish(pool, upstream)
    yield pool
    wrong = complaints(pool, upstream)
    pool.stop()
    upstream.stop()
    assert not wrong


@pytest.fixture(params=SPEAKERS, ids=lambda other: f"over_{other.name}")
def over(request) -> str:
    """What stands behind a model's name in the house, for each upstream."""
    return f"-over-{request.param.name}"
