"""What the real services write, byte for byte as they write it.

One module per format, each with the same names: `PATH`, `refusal` (what the service would not take, by the rules in
`*_rules`), `asked` and `says` (what a request has in it, and what the model says to it, in the words of `talk`),
`answer` (a whole answer), `stream` (the same answer as events), `fault` (an error by kind), `fault_events` (the same
inside a stream), `headers`. All of it is a function of the request: asked twice, they say the same twice, so that two
answers can be compared. Sockets, credentials and misbehaviour are the business of `upstream`.
"""

from dataclasses import dataclass
import hashlib
import json

# Letters of one, two, three and four bytes: a stream may be torn anywhere, also inside of these.
WORDS = ["Grüße", ", ", "世界", " ", "👋", " from", " up", " there."]
TEXT = "".join(WORDS)

# Two calls at once, the arguments in pieces that are no JSON by themselves.
TOOL_CALLS = [
    ("get_weather", ['{"ci', 'ty":', ' "Zürich"', ', "days": 3', "}"]),
    ("get_time", ['{"zone"', ': "Europe/', 'Zurich"}']),
]


@dataclass(frozen=True)
class Stream:
    """The events of one answer, each as the bytes that carry it."""

    opening: list[bytes]
    """What comes before the first content."""
    content: list[bytes]
    ending: list[bytes]
    """Whatever follows the last content, up to the sign that the answer is whole."""

    def events(self) -> list[bytes]:
        return self.opening + self.content + self.ending


@dataclass(frozen=True)
class Fault:
    """An error as a service answers it: its status and its own JSON."""

    status: int
    body: dict


def compact(value) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def mark(turns: list | str) -> str:
    """What ids are made of: the same for the same conversation, and another as it goes on.

    Clients that keep a history by id take two answers with one id for one.
    """
    return hashlib.sha256(repr((len(turns), _tip(turns))).encode()).hexdigest()[:20]


def _tip(value):
    """The last of it, in short: a turn may be many megabytes."""
    match value:
        case str():
            return value[-64:]
        case list():
            return [_tip(item) for item in value[-2:]]
        case dict():
            return {name: _tip(item) for name, item in value.items()}
    return value


def pretty(value) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def openai_fault(kind: str) -> Fault:
    """An error of any OpenAI endpoint."""
    status, type_, code, param, message = _OPENAI_FAULTS[kind]
    return Fault(status, {"error": {"message": message, "type": type_, "param": param, "code": code}})


def openai_headers(number: int) -> list[tuple[str, str]]:
    """The headers of every OpenAI answer; `number` counts the listener's answers."""
    return [
        ("server", "cloudflare"),
        ("x-request-id", f"req_{number:032x}"),
        ("openai-organization", "user-sdk-tests"),
        ("openai-processing-ms", "412"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "10000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "9999214"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "6m0s"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("cf-ray", f"{number:016x}-ZRH"),
    ]


_OPENAI_FAULTS = {
    "bad_request": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
        "This model's maximum context length is 272000 tokens. However, your messages resulted in 300001 tokens.",
    ),
    "unauthorized": (
        401,
        "invalid_request_error",
        "invalid_api_key",
        None,
        "Incorrect API key provided: sk-proj-****************abcd. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    ),
    "forbidden": (
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        None,
        "Country, region, or territory not supported",
    ),
    "not_found": (
        404,
        "invalid_request_error",
        "model_not_found",
        None,
        "The model does not exist or you do not have access to it.",
    ),
    "unprocessable": (422, "invalid_request_error", None, "input", "The input could not be processed."),
    "limited": (
        429,
        "requests",
        "rate_limit_exceeded",
        None,
        "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.",
    ),
    "broken": (
        500,
        "server_error",
        None,
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "overloaded": (
        503,
        "server_error",
        "server_is_overloaded",
        None,
        "The server is currently overloaded. Please try again later.",
    ),
}
