"""Configurations of the last release go on working: old import paths of models, with a warning that names the new."""

import logging

import pytest

from deployments.moved import MOVED, address_name
from serve_app.config import parse_args
from serve_app.importing import load_class
from serve_app.jobs.catalogue import Catalogue
from tests.support.golden import CONFIGS
from tests.support.service import entry


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_gives_the_class_and_one_line_that_names_the_new(
    old: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "continuo"):
        found = load_class(old)
    [line] = [record.getMessage() for record in caplog.records]
    assert MOVED[old] in line
    caplog.clear()
    assert load_class(MOVED[old]) is found
    assert not caplog.records


@pytest.mark.parametrize("old", MOVED)
def test_its_sounds_lie_where_they_did(old: str) -> None:
    assert address_name(load_class(MOVED[old])) == old


def test_a_configuration_with_old_paths_has_the_addresses_of_one_with_new_ones() -> None:
    def address(flux: str, clap: str) -> str:
        models = [entry("flux", flux, parts={"scorer": "clap"}), entry("clap", clap)]
        plan = Catalogue(parse_args({"models": models}).models).plan("flux", {"prompt": "x", "seed": 1}, prefix="")
        return plan.candidates[0].key

    old = ("deployments.tangoflux:TangoFlux", "deployments.clap:Clap")
    assert address(*old) == address(*(MOVED[path] for path in old))


def test_shipped_configurations_name_the_paths_of_today() -> None:
    texts = [file.read_text() for file in CONFIGS.glob("*.yaml")]
    assert len(texts) >= 2
    assert not [old for old in MOVED for text in texts if f" {old}\n" in text]
