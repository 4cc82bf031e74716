"""`manage.py simulate`, as a person runs it."""

import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotator.learning import datasets
from tests.models_zoo import tiny


def test_digits_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "runs.json"
    call_command("simulate", data="digits", strategies="random,margin", seeds=2, batch=20, budget=60, json=out)
    told = json.loads(out.read_text())
    assert {(run["strategy"], run["seed"]) for run in told["runs"]} == {
        (s, n) for s in ("random", "margin") for n in (0, 1)
    }
    for run in told["runs"]:
        assert run["labels"] == [20, 40, 60]
        assert len(run["accuracy"]) == len(run["seconds"]) == len(run["out_of_scope_bought"]) == 3
    assert "area_minus_random" in told["summary"]["margin"]
    assert told["versions"]["torch"]
    assert "area under the curve" in capsys.readouterr().out


def test_csv_with_split_and_out_of_scope(tmp_path: Path) -> None:
    path, out = tmp_path / "rows.csv", tmp_path / "runs.json"
    rng = np.random.default_rng(0)
    lines = ["a,b,label,split"]
    for number in range(200):
        label = number % 3
        a, b = rng.normal(label * 3, 1, 2)
        lines.append(f"{a:.3f},{b:.3f},{('low', 'mid', 'none')[label]},{'test' if number % 4 == 0 else 'train'}")
    path.write_text("\n".join(lines))
    call_command(
        "simulate", data=str(path), split_column="split", out_of_scope_value="none",
        strategies="margin", seeds=1, batch=10, budget=30, json=out,
    )  # fmt: skip
    run = json.loads(out.read_text())["runs"][0]
    assert run["out_of_scope_bought"][-1] > 0
    assert run["accuracy"][-1] > 0.7


def test_cleaning_on_against_off_is_paired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "simulate", data="digits", strategies="margin", seeds=2, batch=20, budget=40, cleaning="both", noise=0.2
    )
    assert "cleaning on against off" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"data": "nowhere.csv"}, "no file"),
        ({"data": "digits", "strategies": "magic"}, "margin"),
        ({"data": "digits", "batch": 1}, "batch"),
        ({"data": "digits", "noise": 1.5}, "noise"),
    ],
)
def test_bad_wishes_are_explained(options: dict[str, object], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("simulate", **{"seeds": 1, "budget": 20, **options})


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match=r"label.*a, b"):
        call_command("simulate", data=str(path), seeds=1)


@pytest.mark.parametrize(("head", "posterior"), [("mlp", "mc_dropout"), ("linear", "laplace")])
def test_a_head_and_what_its_draws_are_may_be_named(tmp_path: Path, head: str, posterior: str) -> None:
    ways, out = {"usual": {}, "named": {"head": head, "posterior": posterior}}, tmp_path / "runs.json"
    told = {}
    for name, way in ways.items():
        options = {"data": "digits", "strategies": "bald", "seeds": 1, "batch": 20, "budget": 40, "limit": 200}
        call_command("simulate", **options, **way, json=out)
        told[name] = json.loads(out.read_text())
    assert (told["named"]["config"]["head"], told["named"]["config"]["posterior"]) == (head, posterior)
    assert told["named"]["runs"][0]["accuracy"] != told["usual"]["runs"][0]["accuracy"]


@pytest.mark.parametrize("encoder", ["pixels", "raw"])
def test_an_encoder_may_be_named(encoder: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "simulate", data="digits", strategies="margin", seeds=1, batch=20, budget=20, limit=100, encoder=encoder
    )
    assert "area under the curve" in capsys.readouterr().out


def test_a_pretrained_model_in_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"{('cat mat', 'stocks fell')[n % 2]} {n},{n % 2}\n" for n in range(60)))
    model = tiny.sentence_model(tmp_path / "bert")
    dataset = datasets.read(str(path), datasets.Columns(text="text"), encoder=str(model))
    assert dataset.features.shape == (60, 32)
    assert dataset.encoder.startswith("sentences-")


def test_vectors_of_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('vector,label\n"[1, 2]",a\n"[3, 4]",b\n')
    dataset = datasets.read(str(path), datasets.Columns(), encoder="vectors")
    np.testing.assert_array_equal(dataset.features, [[1, 2], [3, 4]])


@pytest.mark.parametrize("encoder", ["lsa", "magic", "/nowhere"])
def test_an_encoder_that_does_not_suit_is_named(encoder: str) -> None:
    with pytest.raises(CommandError, match=r"images; there is pixels, raw"):
        call_command("simulate", data="digits", seeds=1, budget=20, encoder=encoder)


def test_guards_and_the_top_alone_may_be_asked_for(tmp_path: Path) -> None:
    areas = []
    for number, more in enumerate(({}, {"guards": "class_balance, contrastive"}, {"top": True})):
        out = tmp_path / f"{number}.json"
        call_command("simulate", data="digits", strategies="margin", seeds=1, batch=20, budget=60, json=out, **more)
        told = json.loads(out.read_text())
        areas.append(told["runs"][0]["accuracy"])
    assert told["config"]["top"] is True
    assert len({tuple(area) for area in areas}) == 3


def test_an_unknown_guard_is_named() -> None:
    with pytest.raises(CommandError, match=r"magic.*class_balance"):
        call_command("simulate", data="digits", seeds=1, budget=20, guards="magic")
