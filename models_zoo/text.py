"""Networks trained end to end on words: the mean of their embeddings, a hidden layer, the last layer."""

import torch
from torch import Tensor, nn

from models_zoo import crossfit
from models_zoo.body import Body, Layer, Pace, he
from models_zoo.encoders.words import BUCKETS, IDS, UNIT
from models_zoo.training import Scaling, Tensors

EMBEDDED = 32
SPREAD = 0.03  # of embeddings at the start: what a word that was never met adds to a text is noise
TABLE = "table"  # (members, BUCKETS, EMBEDDED); row 0 is no word


class TextBody(Body):
    """Embeddings of hashed words and word pairs -> their mean -> rectified hidden layer with dropout -> last layer.

    Each member has a table of its own. Rows are those of the words encoder: the last columns are ids. A table is as
    long as all words there might be; training takes only the rows of words that it sees, and only those decay.
    Source: Joulin et al. (2017), fastText.
    """

    @property
    def layers(self) -> dict[str, Layer]:
        hidden = self.config.text_hidden
        return {
            TABLE: ((BUCKETS, EMBEDDED), SPREAD),
            "hidden.weight": ((EMBEDDED, hidden), he(EMBEDDED)),
            "hidden.bias": ((hidden,), 0.0),
        }

    @property
    def last_width(self) -> int:
        return self.config.text_hidden

    @property
    def rate(self) -> float:
        return self.config.text_rate

    @property
    def pace(self) -> Pace:
        config = self.config
        return Pace(config.text_batch, config.text_epochs, config.text_least, config.text_steps)

    def decay(self, name: str) -> float:
        return self.config.table_decay if name == TABLE else self.config.text_decay

    def scaling(self, raw: Tensor) -> Scaling:
        """None: ids are no numbers to scale."""
        return Scaling(torch.zeros(raw.shape[1]), 1.0)

    def entering(self, rows: Tensor, tensors: Tensors) -> tuple[Tensor, Tensors]:
        ids = ids_of(rows)
        words = _words(ids)
        return torch.searchsorted(words, ids), {**tensors, TABLE: tensors[TABLE][:, words]}

    def leaving(self, trained: Tensors, rows: Tensor, tensors: Tensors) -> Tensors:
        table = tensors[TABLE].clone()
        table[:, _words(ids_of(rows))] = trained[TABLE]
        return {**trained, TABLE: table}

    def inputs(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """(n, members, embedded): the mean over a text's words, zero where it has none."""
        means = [nn.functional.embedding_bag(rows, table, mode="mean", padding_idx=0) for table in tensors[TABLE]]
        return torch.stack(means, dim=1)

    def units(self, tensors: Tensors, inputs: Tensor) -> Tensor:
        hidden = torch.baddbmm(tensors["hidden.bias"].unsqueeze(1), inputs.transpose(0, 1), tensors["hidden.weight"])
        return hidden.relu()

    def raw_units(self, ready: Tensors, rows: Tensor) -> Tensor:
        return self.seen_units(ready, ids_of(rows)).transpose(0, 1)


class TextHead(crossfit.CrossFitted):
    """M networks on words, each with its own embeddings; draws are of one trained on all labels.

    Raises ValueError on features that do not come from the words encoder.
    """

    def _body(self, width: int, classes: int) -> TextBody:
        return TextBody(self.config, width, classes)


def ids_of(rows: Tensor) -> Tensor:
    """(n, 96) ids of words, 0 for none, from rows of the words encoder; raises ValueError on other features."""
    told = rows[:, -IDS:] / UNIT
    ids = told.long()
    if rows.shape[1] <= IDS or bool((ids != told).any()) or bool((ids < 0).any()) or bool((ids >= BUCKETS).any()):
        raise ValueError(f"The text head needs rows of the words encoder, their last {IDS} columns word ids.")
    return ids


def _words(ids: Tensor) -> Tensor:
    """(words,) the different ids, ascending; 0, which is no word, always among them."""
    words: Tensor = torch.unique(torch.cat([ids.flatten(), ids.new_zeros(1)]))
    return words
