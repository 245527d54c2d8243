"""Coding agents as programs: Claude Code and Codex, each with a home of its own and no way out of this machine.

They come from npm (`tests/node`), and each is asked once, without a terminal: it talks with its model until the task is
done. What it printed is the transcript, which a test shows when something is amiss.
"""

from dataclasses import dataclass
import json
import os
from pathlib import Path
import subprocess

MODULES = Path(__file__).parent.parent / "node" / "node_modules"
# Some seconds on an idle machine. An agent that retries for ever ends here.
AGENT_PATIENCE = 60.0
# Nobody listens there, so that whatever is meant for the internet fails at once.
NOWHERE = "http://127.0.0.1:9"


@dataclass
class Transcript:
    """What an agent printed, one event a line, but for the pieces of what it read."""

    code: int
    events: list[dict]
    printed: str


class Agent:
    """One agent: its program, its settings, and how it is asked."""

    def __init__(self, pool, directory: Path):
        self.pool, self.home, self.work = pool, directory / "home", directory / "work"
        self.home.mkdir()
        self.work.mkdir()

    def ask(self, model: str, task: str) -> Transcript:
        """Has the task done."""
        run = subprocess.run(
            self._command(model, task),
            cwd=self.work,
            env={**_cut_off(self.home), **self._settings()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=AGENT_PATIENCE,
            text=True,
        )
        lines = [line for line in run.stdout.splitlines() if not line.startswith('{"type":"stream_event"')]
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return Transcript(run.returncode, events, "\n".join([*lines, run.stderr]))

    def _command(self, model: str, task: str) -> list[str]:
        raise NotImplementedError

    def _settings(self) -> dict[str, str]:
        raise NotImplementedError


class ClaudeCode(Agent):
    def _command(self, model, task):
        # What the package itself names for installations without its scripts.
        program = ["node", str(MODULES / "@anthropic-ai/claude-code/cli-wrapper.cjs")]
        return [*program, "-p", task, "--model", model, *_OUTPUT_OF_CLAUDE, "--allowedTools", "Read", "Write"]

    def _settings(self):
        return {
            "ANTHROPIC_BASE_URL": self.pool.url,
            "ANTHROPIC_AUTH_TOKEN": self.pool.client_token,
            "CLAUDE_CONFIG_DIR": str(self.home / ".claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        }


_OUTPUT_OF_CLAUDE = ["--output-format", "stream-json", "--verbose", "--include-partial-messages"]


class Codex(Agent):
    def _command(self, model, task):
        program = ["node", str(MODULES / "@openai/codex/bin/codex.js")]
        # The commands are those of the test, and a sandbox in a container may not be had.
        free = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        return [*program, "exec", "--json", *free, "--model", model, task]

    def _settings(self):
        place = self.home / ".codex"
        place.mkdir(exist_ok=True)
        (place / "config.toml").write_text(_CODEX_SETTINGS.format(url=self.pool.url))
        return {"CODEX_HOME": str(place), "POOL_TOKEN": self.pool.client_token}


# Codex speaks nothing but Responses. Retries would hide what went wrong.
_CODEX_SETTINGS = """
model_provider = "pool"
check_for_update_on_startup = false
analytics.enabled = false

[model_providers.pool]
name = "AMP Pool"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "POOL_TOKEN"
request_max_retries = 0
stream_max_retries = 0
"""


def _cut_off(home: Path) -> dict[str, str]:
    """An environment that knows a way to this machine alone."""
    proxies = {name: NOWHERE for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    lower = {name.lower(): value for name, value in proxies.items()}
    local = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **proxies, **lower, **local}
