import pytest

from rehearsal.emulator.services.target_health import Health, Prober, after, matches, probe

OK, BAD = "", "Health checks failed with these codes: [503]"


def _course(*problems, start=None):
    health = start or Health()
    for problem in problems:
        health = after(health, problem, healthy_at=3, unhealthy_at=2)
    return health


def test_a_new_target_is_healthy_after_one_success():
    assert _course(OK).state == "healthy"


def test_a_new_target_is_unhealthy_after_its_threshold():
    assert _course(BAD).state == "initial"
    assert _course(BAD, BAD).state == "unhealthy"


def test_recovery_takes_the_healthy_threshold():
    sick = _course(BAD, BAD)
    assert _course(OK, OK, start=sick).state == "unhealthy"
    assert _course(OK, OK, BAD, OK, OK, start=sick).state == "unhealthy"
    assert _course(OK, OK, OK, start=sick).state == "healthy"


def test_one_failure_does_not_make_a_healthy_target_unhealthy():
    assert _course(OK, BAD).state == "healthy"
    assert _course(OK, BAD, OK, BAD).state == "healthy"
    assert _course(OK, BAD, BAD).state == "unhealthy"


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (BAD, "Target.ResponseCodeMismatch"),
        ("Request timed out", "Target.Timeout"),
        ("Health checks failed", "Target.FailedHealthChecks"),
    ],
)
def test_the_reason_is_aws_s(problem, reason):
    assert _course(problem, problem).reason == reason


@pytest.mark.parametrize(
    ("matcher", "status", "fits"),
    [
        ("200", 200, True),
        ("200", 204, False),
        ("200,204", 204, True),
        ("200-299", 250, True),
        ("200-299", 300, False),
    ],
)
def test_matcher(matcher, status, fits):
    assert matches(status, matcher) is fits


def test_nobody_there_is_a_failed_check():
    assert probe({}, "127.0.0.1", 9) == "Health checks failed"


def test_a_target_that_left_is_draining():
    targets = {("group", "127.0.0.1", 9): {}}
    prober = Prober(lambda: targets)
    prober.tick()
    assert prober.draining("group") == []
    targets = {}
    prober.tick()
    assert prober.draining("group") == [("group", "127.0.0.1", 9)]
