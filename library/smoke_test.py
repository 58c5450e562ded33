#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: prove over HTTP that a service does what it must."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: smoke_test
short_description: Prove over HTTP that a service does what it must
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Sends requests and compares the answers with what is expected. Every test is run, and the message names
    each one that failed, with what was expected and what came.
  - Sends source and target the same requests, and compares their answers as JSON, numbers exactly.
  - A connection that is not accepted is tried again for O(connect_window) seconds. Nothing else is tried
    again.
  - It never reports a change. What the requests do is their own affair, so choose ones that write nothing.
options:
  base_url:
    description: Where the service is. May be empty in check mode; then all tests are skipped.
    type: str
    required: true
  connect_to:
    description: The place that stands for the host of O(base_url), C(host:port) or a host, whatever DNS says
      of that host. When it is empty, as DNS says.
    type: str
    default: ""
  ca_file:
    description: A file of the authorities that are trusted for O(base_url), when they are not those of this
      machine.
    type: str
    default: ""
  tests:
    description: The tests, in order.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What is tested, in a user's words. Each name once.
        type: str
        required: true
      method:
        description: The HTTP method. In check mode only GET, HEAD and OPTIONS are sent.
        type: str
        default: GET
      path:
        description: The path below O(base_url), with a slash at its beginning.
        type: str
        required: true
      headers:
        description: Headers. A value is a reference, C(ssm:/name) or C(env:NAME), a text with such references
          in braces, C(Bearer {ssm:/name}), or the value itself. Never shown.
        type: dict
        default: {}
      body:
        description: The body, sent as JSON.
        type: raw
      text:
        description: The body, sent as it is; name its type in C(Content-Type).
        type: str
      status:
        description: The statuses that are right.
        type: list
        elements: int
        default: [200]
      json:
        description:
          - Paths in the answer and the exact value of each.
          - A path is names and positions joined by dots, C(results.0.symbol). C(results.0:2.symbol) takes a
            slice and C(results.*.symbol) all; the value is then a list.
        type: dict
        default: {}
      json_contains:
        description: Paths in the answer that lead to a list, and the items that must be in it, in any order.
        type: dict
        default: {}
      matches:
        description: A regular expression that must be found in the answer, as in C(^ok$).
        type: str
        default: ""
      latency_ms:
        description: How many milliseconds the median request may take; 0 for any.
        type: float
        default: 0
      repeat:
        description: How often the request is sent. Every answer must be right.
        type: int
        default: 1
  equality:
    description: Requests whose answers must be the same from source and target.
    type: dict
    suboptions:
      reference_url:
        description: The URL of the source service. When it is empty, nothing is compared.
        type: str
        required: true
      requests:
        description: The requests. Answers that are JSON are compared as such, others as text.
        type: list
        elements: dict
        required: true
        suboptions:
          path:
            description: The path, the same for both.
            type: str
            required: true
          method:
            description: The HTTP method. In check mode only GET, HEAD and OPTIONS are sent.
            type: str
            default: GET
          headers:
            description: Headers for both, on top of those for all.
            type: dict
            default: {}
          body:
            description: The body, sent as JSON.
            type: raw
          text:
            description: The body, sent as it is.
            type: str
          ignore:
            description: Paths that may differ in this answer, on top of those for all.
            type: list
            elements: str
            default: []
      headers:
        description: Headers for the target, as in O(tests[].headers).
        type: dict
        default: {}
      reference_headers:
        description: Headers for the source, as in O(tests[].headers).
        type: dict
        default: {}
      ignore:
        description: Paths that may differ, C(*) standing for any one step.
        type: list
        elements: str
        default: []
  connect_window:
    description: For how many seconds a connection may be refused.
    type: int
    default: 10
  timeout:
    description: For how many seconds an answer may be waited for.
    type: int
    default: 30
attributes:
  check_mode:
    description: Sends only GET, HEAD and OPTIONS, says which tests were skipped, and warns of a failed one.
    support: full
  diff_mode:
    description: There is nothing to show; it changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Prove that the service answers
  smoke_test:
    base_url: "{{ provision_outputs.alb_url }}"
    tests:
      - name: healthy, and of the right image
        path: /health
        json: {status: ok, image: "{{ container_outputs.image_digest }}"}
      - name: nobody gets in without a key
        method: POST
        path: /orders
        body: {article: 17}
        status: [401]
      - name: lamps are found
        method: POST
        path: /search
        headers: {X-API-Key: "ssm:/shop/production/API_KEY"}
        body: {text: lamp, most: 5}
        json_contains: {"results.0:2.kind": [desk lamp, floor lamp]}
        latency_ms: 2000
    equality:
      reference_url: http://127.0.0.1:18000
      requests:
        - {method: POST, path: /search, body: {text: lamp}}
        - {path: /articles/17, ignore: [viewed]}
      headers: {X-API-Key: "ssm:/shop/production/API_KEY"}
"""

RETURN = r"""
results:
  description: The result of each test and of each comparison, in order. After a failure it is in C(details).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The test's name.
      type: str
    ok:
      description: Whether it passed or was skipped.
      type: bool
    skipped:
      description: Whether it was not run (check mode).
      type: bool
    status:
      description: The HTTP status that came; 0 when there was no answer.
      type: int
    latency_ms:
      description: The median time to the answer, in milliseconds.
      type: float
    expected:
      description: What was expected, as text.
      type: str
    got:
      description: What was received, as text.
      type: str
table:
  description: The results as lines of a table, to be shown. After a failure it is in C(details).
  returned: success
  type: list
  elements: str
evidence:
  description: What is worth keeping - C(url), C(tests), C(passed), C(skipped), C(slowest_ms) and C(results).
  returned: success
  type: dict
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.errors import ConfigurationError
from engines.smoke import Compared, Equality, Http, Route, Runner, SmokeTest, check, evidence, lines, require

_TEXT = {"type": "str", "required": True}
_HEADERS = {"type": "dict", "default": {}, "no_log": True}
_REQUEST = {
    "method": {"type": "str", "default": "GET"},
    "path": _TEXT,
    "headers": _HEADERS,
    "body": {"type": "raw"},
    "text": {"type": "str"},
}


def main() -> None:
    """Read the contract, call the engine, return."""
    test = {
        "name": _TEXT,
        **_REQUEST,
        "status": {"type": "list", "elements": "int", "default": [200]},
        "json": {"type": "dict", "default": {}},
        "json_contains": {"type": "dict", "default": {}},
        "matches": {"type": "str", "default": ""},
        "latency_ms": {"type": "float", "default": 0},
        "repeat": {"type": "int", "default": 1},
    }
    equality = {
        "reference_url": _TEXT,
        "requests": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {**_REQUEST, "ignore": {"type": "list", "elements": "str", "default": []}},
        },
        "headers": _HEADERS,
        "reference_headers": _HEADERS,
        "ignore": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleModule(
        argument_spec={
            "base_url": _TEXT,
            "connect_to": {"type": "str", "default": ""},
            "ca_file": {"type": "str", "default": ""},
            "tests": {"type": "list", "elements": "dict", "default": [], "options": test},
            "equality": {"type": "dict", "options": equality},
            "connect_window": {"type": "int", "default": 10},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module))


def _run(module: AnsibleModule) -> dict[str, Any]:
    options = module.params
    if not options["base_url"] and not module.check_mode:
        raise ConfigurationError("is empty", subject="base_url", remedy="The provision phase sets it.")
    tests = [SmokeTest(**test) for test in options["tests"]]
    check(tests)
    equality = _equality(options["equality"] or {})
    route = Route(options["connect_to"], options["ca_file"])
    limits = {"window": options["connect_window"], "timeout": options["timeout"]}
    with Http(options["base_url"], route, **limits) as http:
        runner = Runner(options["base_url"], http, only_safe=module.check_mode)
        try:
            results = runner.run(tests, equality)
        finally:
            # The last line of defence: Ansible takes these out of everything that the module says.
            module.no_log_values.update(runner.secrets)
    failed = [result for result in results if not result.ok]
    if module.check_mode:
        for result in failed:
            module.warn(f"Would fail now: {result.line()}")
    else:
        require(results, options["base_url"])
    return {
        "changed": False,
        "results": [asdict(result) for result in results],
        "table": lines(results),
        "evidence": evidence(results, options["base_url"]),
    }


def _equality(given: dict[str, Any]) -> Equality | None:
    if not given.get("reference_url"):
        return None
    return Equality(**{**given, "requests": [Compared(**one) for one in given["requests"]]})


if __name__ == "__main__":
    main()
