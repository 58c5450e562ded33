from __future__ import annotations

import subprocess

from rehearsal.process import PYTHON

ASK = """
import botocore.session
from ministack.core import router
from rehearsal.emulator.patches import refusals

def read(*_, **__):
    raise AssertionError("a description was read")

refusals.name_missing_services()
botocore.session.Session.get_service_model = read
print(*(router._is_aws_service_name(one) for one in ("servicequotas", "application-autoscaling", "nonsense")))
"""


def test_a_service_that_is_not_emulated_is_known_without_reading_what_it_can_do() -> None:
    answer = subprocess.run([PYTHON, "-c", ASK], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["True", "True", "False"]
