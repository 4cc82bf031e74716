"""Networks with one hidden layer and dropout, all members trained as one model."""

from torch import Tensor

from models_zoo import crossfit
from models_zoo.body import Body, Layer, Pace, he, hidden_layer
from models_zoo.training import Scaling, Tensors


class MlpBody(Body):
    """features -> rectified hidden layer with dropout -> last layer."""

    @property
    def layers(self) -> dict[str, Layer]:
        hidden = self.config.hidden
        return {"hidden.weight": ((self.width, hidden), he(self.width)), "hidden.bias": ((hidden,), 0.0)}

    @property
    def last_width(self) -> int:
        return self.config.hidden

    @property
    def rate(self) -> float:
        return self.config.mlp_rate

    @property
    def pace(self) -> Pace:
        config = self.config
        return Pace(config.mlp_batch, config.mlp_epochs, config.mlp_least, config.mlp_steps)

    def decay(self, name: str) -> float:
        return self.config.mlp_decay

    def units(self, tensors: Tensors, inputs: Tensor) -> Tensor:
        return hidden_layer(inputs, tensors["hidden.weight"], tensors["hidden.bias"]).transpose(0, 1)

    def ready(self, tensors: Tensors, scaling: Scaling) -> Tensors:
        """The same networks on raw rows."""
        weight, bias = scaling.folded(tensors["hidden.weight"].transpose(0, 1), tensors["hidden.bias"])
        return {**tensors, "hidden.weight": weight.transpose(0, 1), "hidden.bias": bias}

    def raw_units(self, ready: Tensors, rows: Tensor) -> Tensor:
        return hidden_layer(rows, ready["hidden.weight"], ready["hidden.bias"])


class MlpHead(crossfit.CrossFitted):
    """M networks with one hidden layer, each with its own initialization; draws are of one trained on all labels."""

    def _body(self, width: int, classes: int) -> MlpBody:
        return MlpBody(self.config, width, classes)
