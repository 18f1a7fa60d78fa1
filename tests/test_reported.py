"""What is reported of a rendition: values with one stored form, nothing read from text."""

import json

import pytest

from edge.reported import ColourShift, Compliance, Reported, Synthesized

FULL = Compliance(
    "amazon", "2026-1", ("background", "fill_min"), ("doubt",), ("several", "small"), "approved"
)

SYNTHESIZED = Synthesized(0.5, 0.25, review=True)


@pytest.mark.parametrize(
    ("compliance", "needs"),
    [
        (Compliance("thumb", "2026-1"), False),
        (Compliance("thumb", "2026-1", notes=("small",)), False),
        (Compliance("thumb", "2026-1", review=("doubt",)), True),
        (Compliance("thumb", "2026-1", broken=("long_min",)), True),
    ],
)
def test_a_broken_rule_or_a_reason_to_look_needs_a_person_and_a_note_does_not(compliance, needs):
    assert compliance.needs_person is needs


def test_a_decision_is_replaced_and_taken_away_again():
    reported = Reported(Compliance("thumb", "1"), preset="thumb@1")
    twice = reported.decided("approved").decided("rejected")
    assert twice.compliance.decision == "rejected"
    assert twice.decided("") == reported
    assert Reported().decided("approved") == Reported(), "without rules there is none to decide on"


@pytest.mark.parametrize(
    "reported",
    [
        Reported(),
        Reported(FULL, SYNTHESIZED, ColourShift(0.0, None, 3.1), "01", "a@1", ("x@2", "y@3")),
        Reported(synthesized=Synthesized(0.0)),
    ],
)
def test_the_stored_form_gives_back_what_was_stored(reported):
    assert Reported.of(json.loads(json.dumps(reported.as_facts()))) == reported
