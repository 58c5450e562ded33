from __future__ import annotations

from pathlib import Path

import pytest

from engines.objects import xml_answer


def test_names_have_no_namespace() -> None:
    assert xml_answer.bare(xml_answer.parse('<a:Tag xmlns:a="urn:x"/>')) == "Tag"


def test_entities_that_grow_out_of_proportion_are_refused() -> None:
    grown = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    with pytest.raises(xml_answer.ParseError, match="amplification"):
        xml_answer.parse(f'<!DOCTYPE x [<!ENTITY e0 "{"x" * 100}">{grown}]><x>&e9;</x>')


def test_no_file_is_read_for_an_entity(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary", encoding="utf-8")
    with pytest.raises(xml_answer.ParseError, match="undefined entity"):
        xml_answer.parse(f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]><x>&e;</x>')
