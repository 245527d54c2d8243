"""`/metrics`, read by Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families

from books import TOKENS
from speakers import CHAT


def families(pool):
    answer = pool.admin.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(family, name, **labels):
    found = [s.value for s in family.samples if s.name == name and labels.items() <= s.labels.items()]
    assert len(found) == 1, (name, labels, family.samples)
    return found[0]


def test_a_call_is_counted_when_its_client_has_seen_its_end(fit, speaker, stream):
    speaker.ask(speaker.connect(fit.url, fit.client_token), stream)
    found = families(fit)

    assert value(found["amp_pool_calls"], "amp_pool_calls_total", model=speaker.model, outcome="done") == 1
    output = value(found["amp_pool_tokens"], "amp_pool_tokens_total", model=speaker.model, **{"class": "output"})
    assert output == TOKENS[speaker.name]["output_tokens"]
    for name in ("amp_pool_call_duration_seconds", "amp_pool_first_byte_seconds"):
        assert value(found[name], f"{name}_count", model=speaker.model) == 1
        assert value(found[name], f"{name}_bucket", model=speaker.model, le="+Inf") == 1
    attempts = found["amp_pool_attempts"]
    assert value(attempts, "amp_pool_attempts_total", provider=speaker.provider, verdict="answer") == 1


def test_every_family_is_whole(fit):
    CHAT.ask(CHAT.connect(fit.url, fit.client_token), False)
    for family in families(fit).values():
        assert family.type in ("counter", "gauge", "histogram"), family
        assert family.documentation, family
        assert family.samples or family.name == "amp_pool_call_errors", family
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(series) == len(set(series)), family
        if family.type == "histogram":
            check_histogram(family)


def check_histogram(family):
    counts = {}
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            labels = tuple(sorted((name, text) for name, text in sample.labels.items() if name != "le"))
            before = counts.get(labels, 0)
            assert sample.value >= before, family
            counts[labels] = sample.value
