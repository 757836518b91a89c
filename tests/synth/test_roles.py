"""Role policies: every role is described, its numbers agree with each other, and other names are found."""

from typing import get_args

import pytest

from deployments.contract import InvalidInput
from deployments.synth.terms.roles import ROLES, Role, RolePolicy, role_name


@pytest.mark.parametrize("role", get_args(Role))
def test_every_role_has_a_policy_that_agrees_with_itself(role: Role) -> None:
    policy = ROLES[role]
    for low, high in (policy.notes, policy.onsets_hz, policy.cutoff_hz, policy.reverb_db):
        assert low < high
    assert policy.notes[1] - policy.notes[0] >= 24  # every key has its tonic twice
    assert policy.layer_lufs < policy.alone_lufs <= -16
    assert 0 <= policy.place <= 1


def test_roles_leave_each_other_room() -> None:
    def reach(policy: RolePolicy) -> float:
        return policy.notes[0] + policy.notes[1]

    assert reach(ROLES["BASS"]) < reach(ROLES["DRONE"]) < reach(ROLES["PAD"]) < reach(ROLES["LEAD"])
    assert ROLES["BASS"].low_cut_hz < ROLES["PAD"].low_cut_hz
    assert ROLES["BASS"].single
    assert ROLES["BASS"].place == 0


@pytest.mark.parametrize(("given", "role"), [("pad", "PAD"), (" Drums ", "PERCUSSION"), ("texture", "FX"), ("", None)])
def test_names(given: str, role: Role | None) -> None:
    assert role_name(given) == role


def test_an_unknown_role_names_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="STRINGS"):
        role_name("strinks")
