"""Where Amp has the services whose formats it speaks: all of them below one tree, each in its own segment."""

TREE = "/api/provider/"
# The clients of these are given a base without a version.
_BARE = ("groq", "kimi")


def service_path(path: str) -> str:
    """The path as the service itself knows it."""
    if not path.startswith(TREE):
        return path
    segment, _, rest = path.removeprefix(TREE).partition("/")
    return f"/v1/{rest}" if segment in _BARE else f"/{rest}"
