"""What the calls of these tests use and cost, worked out by hand.

Prices are nano-dollars per token and stand here once more on purpose: a test that read them from the price book could
not tell when the book is wrong.
"""

from decimal import Decimal

# claude-sonnet-4-5: 3 USD per million in, 0.30 read, 3.75 and 6 written, 15 out.
SONNET = {"fresh": 3_000, "read": 300, "write_5m": 3_750, "write_1h": 6_000, "output": 15_000}
# gpt-5-mini: 0.25 in, 0.025 read, 2 out.
GPT_5_MINI = {"fresh": 250, "read": 25, "output": 2_000}
# gpt-4o-mini: 0.15 in, 0.075 read, 0.60 out.
GPT_4O_MINI = {"fresh": 150, "read": 75, "output": 600}


def cost(prices: dict[str, int], **tokens: int) -> int:
    """Nano-dollars."""
    return sum(prices[name] * count for name, count in tokens.items())


# What one call of each format uses (see the `usage` functions in `wire`), as its record has to say it.
TOKENS = {
    "chat": {
        "input_tokens": 1317,
        "cache_read_tokens": 1024,
        "cache_write_tokens": 0,
        "output_tokens": 97,
        "reasoning_tokens": 64,
        "total_tokens": 1414,
    },
    "messages": {
        "input_tokens": 3605,
        "cache_read_tokens": 2048,
        "cache_write_tokens": 1536,
        "output_tokens": 61,
        "total_tokens": 3666,
    },
    "responses": {
        "input_tokens": 2213,
        "cache_read_tokens": 1920,
        "cache_write_tokens": 0,
        "output_tokens": 133,
        "reasoning_tokens": 128,
        "total_tokens": 2346,
    },
}

COSTS = {
    "chat": cost(GPT_5_MINI, fresh=293, read=1024, output=97),
    "messages": cost(SONNET, fresh=21, read=2048, write_5m=512, write_1h=1024, output=61),
    "responses": cost(GPT_5_MINI, fresh=293, read=1920, output=133),
}


def nanos(amount: str) -> int:
    """An amount of the admin API in nano-dollars. It has to be a decimal string that loses nothing."""
    assert isinstance(amount, str), f"an amount is a string, not {amount!r}"
    scaled = Decimal(amount) * 1_000_000_000
    assert scaled == int(scaled)
    return int(scaled)


def pick(record: dict, like: dict) -> dict:
    """Those fields of a record that are expected."""
    return {name: record[name] for name in like}
