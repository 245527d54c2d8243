"""The endpoints that a pool passes on without knowing them: embeddings, moderations; and each service's model list."""

import base64
import struct

from . import chat, messages, pretty

EMBEDDINGS = "/v1/embeddings"
MODERATIONS = "/v1/moderations"
MODELS = "/v1/models"

_VECTOR = [0.0023064255, -0.009327292, 0.015625, -0.5]


def embeddings(request: dict) -> bytes:
    given = request["input"]
    texts = given if isinstance(given, list) else [given]
    vector = _base64(_VECTOR) if request.get("encoding_format") == "base64" else _VECTOR
    data = [{"object": "embedding", "index": at, "embedding": vector} for at in range(len(texts))]
    used = {"prompt_tokens": 8 * len(texts), "total_tokens": 8 * len(texts)}
    return pretty({"object": "list", "data": data, "model": request["model"], "usage": used})


def moderations(request: dict) -> bytes:
    scores = {"harassment": 0.0, "harassment/threatening": 0.0, "hate": 0.001, "violence": 0.99}
    categories = {name: score > 0.5 for name, score in scores.items()}
    result = {"flagged": True, "categories": categories, "category_scores": scores}
    model = request.get("model", "omni-moderation-latest")
    return pretty({"id": "modr-970d409ef3bef3b70c73d8232df86e7d", "model": model, "results": [result]})


def openai_models() -> bytes:
    data = [{"id": name, "object": "model", "created": 1754425777, "owned_by": "system"} for name in chat.MODELS]
    return pretty({"object": "list", "data": data})


def anthropic_models() -> bytes:
    created = "2025-09-29T00:00:00Z"
    data = [{"type": "model", "id": name, "display_name": name, "created_at": created} for name in messages.MODELS]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}
    return pretty({"data": data, "has_more": False, **ends})


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
