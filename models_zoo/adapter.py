"""Adapters: a small residual network between features that are kept, a pretrained encoder's, and the last layer."""

from torch import Tensor

from models_zoo import crossfit, inference
from models_zoo.body import Body, Layer, Pace, he, hidden_layer, scaled
from models_zoo.training import Scaling, Tensors


class AdapterBody(Body):
    """x -> x + relu(x D) U with dropout -> last layer. U starts at zero, so that training starts from the features.

    Sources: Houlsby et al. (2019), adapters; Gao et al. (2021), CLIP-Adapter, on what an encoder gives.
    """

    @property
    def layers(self) -> dict[str, Layer]:
        width, narrow = self.width, self.config.bottleneck
        return {
            "down.weight": ((width, narrow), he(width)),
            "down.bias": ((narrow,), 0.0),
            "up.weight": ((narrow, width), 0.0),
        }

    @property
    def last_width(self) -> int:
        return self.width

    @property
    def rate(self) -> float:
        return self.config.adapter_rate

    @property
    def pace(self) -> Pace:
        config = self.config
        return Pace(config.mlp_batch, config.mlp_epochs, config.mlp_least, config.mlp_steps)

    def decay(self, name: str) -> float:
        return self.config.mlp_decay

    def units(self, tensors: Tensors, inputs: Tensor) -> Tensor:
        narrow = hidden_layer(inputs, tensors["down.weight"], tensors["down.bias"]).transpose(0, 1)
        return inputs + narrow @ tensors["up.weight"]

    def ready(self, tensors: Tensors, scaling: Scaling) -> Tensors:
        """With the layers that meet raw rows, and the way from the bottleneck to the logits as one product."""
        pairs = (("down", "down.weight", "down.bias"), ("last", "weight", "bias"))
        for_raw: Tensors = {}
        for name, weight, bias in pairs:
            folded = scaling.folded(tensors[weight].transpose(0, 1), tensors[bias])
            for_raw |= {f"raw.{name}.weight": folded[0].transpose(0, 1), f"raw.{name}.bias": folded[1]}
        return {**super().ready(tensors, scaling), **for_raw, "through": tensors["up.weight"] @ tensors["weight"]}

    def raw_units(self, ready: Tensors, rows: Tensor) -> Tensor:
        return self.units(ready, scaled(ready, rows)).transpose(0, 1)

    def raw_logits(self, ready: Tensors, rows: Tensor) -> Tensor:
        """The features go straight to the last layer: nothing as wide as they are is made for each member."""
        narrow = hidden_layer(rows, ready["raw.down.weight"], ready["raw.down.bias"])
        straight = inference.affine(rows, ready["raw.last.weight"].transpose(0, 1), ready["raw.last.bias"])
        return straight + (narrow.transpose(0, 1) @ ready["through"]).transpose(0, 1)


class AdapterHead(crossfit.CrossFitted):
    """M adapters and last layers, each with its own initialization; draws are of one trained on all labels."""

    def _body(self, width: int, classes: int) -> AdapterBody:
        return AdapterBody(self.config, width, classes)
