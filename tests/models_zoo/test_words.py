"""Words as features, the network that is trained end to end on them, and adapters on kept features."""

import numpy as np
import pytest
import torch

from models_zoo import encoders
from models_zoo.adapter import AdapterBody, AdapterHead
from models_zoo.encoders.texts import tokens
from models_zoo.encoders.words import BUCKETS, IDS
from models_zoo.text import TABLE, TextHead, ids_of
from models_zoo.training import Scaling, TrainingConfig
from tests.models_zoo.digits import EVEN, FOLDS, X, Y, quick

TEXTS = ["the cat sat on the mat", "a cat on a mat", "stocks fell on markets", "markets and stocks fell"] * 10
SAID = np.array([0, 0, 1, 1] * 10)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return encoders.encode_all(encoders.make("words"), TEXTS, seed=0).features


def test_ids_survive_float32_and_move_no_distance(rows: np.ndarray) -> None:
    ids, lsa = ids_of(torch.from_numpy(rows)), rows[:, :-IDS]
    assert ids[0, :11].tolist() == tokens(TEXTS[0], most=IDS, buckets=BUCKETS)
    assert (ids[0, 11:] == 0).all()
    np.testing.assert_allclose(rows @ rows.T, lsa @ lsa.T, atol=1e-6)
    assert np.abs(rows[:, -IDS:]).max() <= BUCKETS * 2.0**-40


def test_a_row_holds_the_beginning_of_a_long_text() -> None:
    many = " ".join(f"w{number}" for number in range(1000))
    assert len(tokens(many, most=IDS, buckets=BUCKETS)) == IDS
    assert tokens(many, most=IDS, buckets=BUCKETS)[:3] == tokens("w0 w1", most=IDS, buckets=BUCKETS)[:1] + (
        tokens("w0 w1", most=IDS, buckets=BUCKETS)[1:2] + tokens("w1", most=IDS, buckets=BUCKETS)
    )
    assert tokens("?!", most=IDS, buckets=BUCKETS) == []


def test_texts_are_told_apart_and_one_without_words_is_uncertain(rows: np.ndarray) -> None:
    head = TextHead(TrainingConfig(members=2, text_steps=100))
    head.fit(rows, SAID, np.ones(40, dtype=np.float32), np.arange(40) // 2 % 2, classes=3, seed=0)
    assert (head.predict_probs(rows).argmax(axis=1) == SAID).all()
    nothing = np.zeros((1, rows.shape[1]), dtype=np.float32)
    assert np.isfinite(head.predict_probs(nothing)).all()


def test_words_that_training_never_met_keep_their_embeddings(rows: np.ndarray) -> None:
    tables = []
    for steps in (10, 20):
        head = TextHead(TrainingConfig(members=2, text_least=steps, text_steps=steps, stop_at=2.0))
        head.fit(rows, SAID, np.ones(40, dtype=np.float32), np.arange(40) % 2, classes=3, seed=0)
        tables.append(head.state(with_draws=False)[TABLE])
    met = torch.unique(ids_of(torch.from_numpy(rows)))
    others = torch.ones(BUCKETS, dtype=torch.bool)
    others[met] = False
    assert torch.equal(tables[0][:, others], tables[1][:, others])
    assert not torch.equal(tables[0][:, met[1:]], tables[1][:, met[1:]])
    assert not torch.equal(tables[0][0, others], tables[0][1, others])


def test_an_adapter_starts_from_the_features() -> None:
    body = AdapterBody(TrainingConfig(bottleneck=4), 64, 11)
    tensors = body.start(3, torch.Generator().manual_seed(0))
    units = body.units(tensors, torch.from_numpy(X))
    assert all(torch.equal(member, torch.from_numpy(X)) for member in units)


def test_an_adapter_predicts_raw_rows_as_it_was_trained_on_scaled_ones() -> None:
    moved = X * 40 + 300
    head = quick("adapter")
    assert isinstance(head, AdapterHead)
    head.fit(moved, Y, EVEN, FOLDS, classes=11, seed=0)
    state, scaled = head.state(), Scaling.of(torch.from_numpy(moved))(torch.from_numpy(moved))
    body = AdapterBody(head.config, 64, 11)
    expected = body.units(state, scaled) @ state["weight"] + state["bias"].unsqueeze(1)
    assert np.allclose(head.logits(moved), expected.numpy(), atol=1e-3)
