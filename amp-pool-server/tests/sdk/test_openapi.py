"""The admin API does what its document says, whatever it is asked: Schemathesis makes requests of the document and holds the
answers to it. No answer may be a failure of the server's, and each has the status, the kind and the shape that are promised.

Bounded by the number of requests for each operation and by time, on one server, by the same seed each time: a failure here
is found again by running it again.
"""

import time

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode

from server import Pool
from upstream import Upstream

# Requests of an operation, before it is left.
EXAMPLES = 12
# Seconds of all operations together. What comes later gets one request each.
BUDGET = 60.0
# What would end the server's ability to be asked, has no end, or asks upstreams that do not exist.
LEFT_OUT = {
    "post_api_auth_logout",
    "get_api_requests_live",
}
WANTED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
]
