"""Rows of materialised views: filled as the source fills them; set aside where no two fillings are alike."""

from __future__ import annotations

import psycopg

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import settings


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


def test_a_view_is_filled_with_the_time_zone_of_the_sources_sessions(databases):
    ends = databases(hostile=False)
    on(ends.source_url, f"ALTER DATABASE {ends.source_name} SET timezone = 'America/New_York'")
    on(
        ends.source_url,
        "CREATE TABLE ev (id int PRIMARY KEY, at timestamptz)",
        "INSERT INTO ev VALUES (1, '2024-01-01 03:00+00')",
        "CREATE MATERIALIZED VIEW per_day AS SELECT at::date AS d, count(*) FROM ev GROUP BY 1",
    )
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, ends.target).differences() == []
    # One that is stale on the source is compared to what a refresh there would give.
    on(ends.source_url, "INSERT INTO ev VALUES (2, '2024-02-01 03:00+00')")
    on(ends.target_url, "INSERT INTO ev VALUES (2, '2024-02-01 03:00+00')")
    on(ends.target_url, "SET timezone = 'America/New_York'; REFRESH MATERIALIZED VIEW per_day")
    assert compare_databases(ends.source, ends.target).differences() == []
    on(ends.target_url, "SET timezone = 'UTC'; REFRESH MATERIALIZED VIEW per_day")
    assert compare_databases(ends.source, ends.target).differences() != []


def test_a_locale_that_the_target_s_system_lacks_does_not_keep_a_view_from_being_filled(
    databases, monkeypatch
):
    ends = databases(hostile=False)
    on(ends.source_url, "CREATE MATERIALIZED VIEW fixed AS SELECT current_setting('timezone') AS zone")
    given = {"lc_monetary": "English_United States.1252", "timezone": "Asia/Tokyo", "lc_time": "xx_XX.utf8"}
    monkeypatch.setattr(settings, "results_of", lambda _: given)
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    with psycopg.connect(ends.target_url) as session:
        assert session.execute("SELECT zone FROM fixed").fetchone() == ("Asia/Tokyo",)


def test_a_view_of_the_moment_is_named_and_does_not_differ_for_ever(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE MATERIALIZED VIEW stamped AS SELECT now() AS at",
        "CREATE MATERIALIZED VIEW dated AS SELECT CURRENT_DATE AS d",
        "CREATE MATERIALIZED VIEW fixed AS SELECT 1 AS random",
    )
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    found = compare_databases(ends.source, ends.target)
    assert found.differences() == []
    named = {one.name for one in found.not_compared if one.kind == "rows of materialized view"}
    assert named == {"public.stamped", "public.dated"}
