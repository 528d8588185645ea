"""Licences that have to be accepted once."""

from dataclasses import replace

import pytest

from indexer.config import Settings
from indexer.errors import ForbiddenError
from indexer.models import find
from indexer.models.licence import RECORD, accept, accepted, require_accepted
from indexer.models.shelf import here, shelf
from indexer.models.table import TABLE
from indexer.pull import pull


def test_what_everyone_may_use_for_anything_is_not_asked_about(settings: Settings) -> None:
    for spec in TABLE:
        assert spec.asks == (not spec.commercial or "RAIL" in spec.licence)
        assert accepted(spec, settings) == (not spec.asks)


def test_it_is_asked_for_once(settings: Settings) -> None:
    spec = find("sd15")
    assert spec
    with pytest.raises(ForbiddenError, match=r"OpenRAIL-M: it forbids .*`pixloom models pull sd15 --accept-licence`"):
        require_accepted(spec, settings)
    with pytest.raises(ForbiddenError, match="--accept-licence"):
        pull("sd15", settings)
    accept(spec, settings)
    require_accepted(spec, settings)
    assert here(spec, settings) == "no", "that it may be used doesn't bring it here"
    with pytest.raises(ForbiddenError):
        require_accepted(replace(spec, licence="Another"), settings)
    (shelf(spec, settings) / RECORD).write_text("{")
    assert not accepted(spec, settings)
