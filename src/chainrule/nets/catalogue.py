"""The nets by name: what each takes in params.yaml under `net` beside its name, and what it can be used for."""

from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from chainrule.nets.shared.needs import Need


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd")
    return value


Size = Annotated[
    int | None,
    Field(description="side in pixels to which the net scales the images; null: as the rows are", ge=8, le=2048),
]
Dropout = Annotated[float, Field(description="probability of dropping a feature of the embedding", ge=0, lt=1)]


class DSDNetOptions(_Options):
    """Depthwise-separable dilated convolutions."""

    width: int = Field(description="channels of the first stage; each later stage doubles them", ge=1, le=4096)
    depth: int = Field(description="blocks in each stage", ge=1, le=100)
    stages: int = Field(description="resolutions; each after the first halves height and width", ge=1, le=6)
    stem: int = Field(description="stride of the first convolution: 1 for small images, 4 for 224×224", ge=1, le=16)
    kernel: Annotated[int, AfterValidator(_odd)] = Field(
        description="odd size of the depthwise convolutions", ge=3, le=31
    )
    dilations: list[Annotated[int, Field(ge=1, le=64)]] = Field(
        description="taken in turn by the blocks of a stage", min_length=1
    )
    expansion: int = Field(description="how much wider a block is inside", ge=1, le=8)
    dropout: Dropout


class DilatedOptions(DSDNetOptions):
    """The same with dense convolutions."""


class CNNOptions(_Options):
    """A plain small convolutional network."""

    width: int = Field(description="channels of the first convolution", ge=1, le=4096)
    depth: int = Field(description="convolutions", ge=1, le=20)
    dropout: Dropout


class ResNet8Options(_Options):
    """The residual network of CIFAR-10, one block a stage."""

    width: int = Field(description="channels of the first convolution, 16 in the original", ge=1, le=4096)
    dropout: Dropout


class ResNet9Options(_Options):
    """DAWNBench's ResNet-9."""

    width: int = Field(description="channels of the first convolution, 64 in the original", ge=1, le=1024)
    dropout: Dropout


class TorchvisionOptions(_Options):
    """A classifier of torchvision."""

    arch: str = Field(description="torchvision's name for it, such as resnet18", min_length=1)
    size: Size


class TimmOptions(_Options):
    """A net of timm."""

    arch: str | None = Field(description="timm's name for it, such as resnet18; null: the base's", min_length=1)
    size: Size


class TransformersOptions(_Options):
    """What a base of the hub is."""

    dropout: float | None = Field(
        description="probability of dropping a feature or an attention weight; null: the base's", ge=0, lt=1
    )
    config: dict[str, Any] | None = Field(description="content of a config.json; null: the base's")


class PatchEncoderOptions(_Options):
    """A transformer over patches of a picture."""

    patch: int = Field(description="side of a patch in pixels (of a spectrogram: bands and spectra)", ge=1, le=256)
    layers: int = Field(description="encoder layers", ge=1, le=100)
    width: int = Field(description="features of a patch, a multiple of heads and of 4", ge=4, le=8192, multiple_of=4)
    heads: int = Field(description="attention heads", ge=1, le=128)
    dropout: float = Field(description="probability of dropping a feature", ge=0, lt=1)


class BiLSTMOptions(_Options):
    """A two-way LSTM over embeddings of tokens."""

    embedding: int = Field(description="features of a token", ge=1, le=8192)
    width: int = Field(description="features that each way gives; a state has twice as many", ge=1, le=8192)
    layers: int = Field(description="layers, each over what the one before gives", ge=1, le=100)
    dropout: float = Field(description="probability of dropping a feature of a token or of a state", ge=0, lt=1)
    pairs: int = Field(
        description="numbers that pairs of neighbouring tokens get by their hash, each with features; 0: none",
        ge=0,
        le=1_000_000,
    )


class BagOptions(_Options):
    """Vectors of tokens and of pairs of neighbours: their mean and their largest."""

    width: int = Field(description="features of a token and of a pair", ge=1, le=8192)
    buckets: int = Field(description="vectors that pairs of tokens share by their hash", ge=1, le=16_777_216)
    dropout: float = Field(description="probability of dropping a feature of a text", ge=0, lt=1)


class VectorsOptions(_Options):
    """A vector for every token: a text is their mean."""

    width: int = Field(description="features of a token", ge=1, le=8192)


class TextCNNOptions(_Options):
    """Filters over windows of tokens, of each its largest answer."""

    embedding: int = Field(description="features of a token", ge=1, le=8192)
    filters: int = Field(description="filters of each width", ge=1, le=8192)
    widths: list[Annotated[int, Field(ge=1, le=64)]] = Field(description="tokens that a filter sees", min_length=1)
    dropout: float = Field(description="probability of dropping a feature of a text", ge=0, lt=1)


class GPTOptions(_Options):
    """GPT-2's decoder."""

    layers: int = Field(description="decoder layers", ge=1, le=100)
    width: int = Field(description="features of a token, a multiple of heads", ge=1, le=8192)
    heads: int = Field(description="attention heads", ge=1, le=128)
    max_length: int = Field(description="most tokens in a row", ge=2, le=8192)
    dropout: float = Field(description="probability of dropping a feature or an attention weight", ge=0, lt=1)


class EncoderOptions(_Options):
    """A transformer encoder of transformers."""

    arch: str = Field(description="a model type of transformers: bert, roberta, distilbert, electra, …", min_length=1)
    layers: int = Field(description="encoder layers", ge=1, le=100)
    width: int = Field(description="features of a token, a multiple of heads", ge=1, le=8192)
    heads: int = Field(description="attention heads", ge=1, le=128)
    feed_forward: int = Field(
        description="features of a layer's inner part, often four times the width", ge=1, le=32768
    )
    max_length: int = Field(description="most tokens in a row", ge=2, le=8192)
    dropout: float = Field(description="probability of dropping a feature or an attention weight", ge=0, lt=1)


class EncoderDecoderOptions(_Options):
    """A transformer that reads one text and writes another."""

    encoder_layers: int = Field(description="layers that read", ge=1, le=100)
    decoder_layers: int = Field(description="layers that write", ge=1, le=100)
    width: int = Field(description="features of a token, a multiple of heads", ge=2, le=8192)
    heads: int = Field(description="attention heads", ge=1, le=128)
    feed_forward: int = Field(description="features of a layer's inner part", ge=1, le=32768)
    max_length: int = Field(description="most tokens in a text, read or written", ge=4, le=8192)
    dropout: float = Field(description="probability of dropping a feature or an attention weight", ge=0, lt=1)


Embedding = Annotated[
    int | None,
    Field(description="features of a column's embedding; null: numbers as they are, categories one-hot", ge=1, le=1024),
]


class ImageTextOptions(_Options):
    """A net of images and a net of texts, and what puts together what they see."""

    image: dict[str, Any] = Field(description="the net that sees the image: its name, and options as under net")
    text: dict[str, Any] = Field(description="the net that reads the text: its name, and options as under net")
    fusion: Literal["late", "cross"] = Field(
        description="late: one vector of each, and their product; cross: tokens of the text look at places of the image"
    )
    width: int = Field(description="features of each when they are put together, a multiple of heads", ge=1, le=8192)
    heads: int = Field(description="attention heads, of cross", ge=1, le=128)
    layers: int = Field(description="layers of attention, of cross", ge=1, le=24)
    dropout: float = Field(description="probability of dropping a feature of what is put together", ge=0, lt=1)

    @model_validator(mode="after")
    def _nets_are_of_their_kinds(self) -> Self:
        for modality, block in (("image", self.image), ("text", self.text)):
            fitting = [name for name, net in NETS.items() if modality in net.modalities and net.writes is not True]
            if block.get("name") not in fitting:
                found = repr(block["name"]) if "name" in block else "nothing"
                raise ValueError(
                    f"{modality}.name: found {found}; a net of {modality}s is needed: {', '.join(fitting)}"
                )
            try:
                NETS[block["name"]].options.model_validate({key: block[key] for key in block if key != "name"})
            except ValidationError as error:
                said = error.errors()[0]
                raise ValueError(f"{'.'.join(map(str, (modality, *said['loc'])))}: {said['msg']}") from None
        return self


class MLPOptions(_Options):
    """A multi-layer perceptron over the columns of a table."""

    embedding: Embedding
    layers: int = Field(description="hidden layers; 0: a linear map", ge=0, le=100)
    width: int = Field(description="features of a hidden layer", ge=1, le=8192)
    dropout: float = Field(description="probability of dropping a feature of a hidden layer", ge=0, lt=1)


class TabMOptions(_Options):
    """Many perceptrons in one, which share most weights and answer together."""

    embedding: Embedding
    members: int = Field(description="perceptrons; their answers are averaged", ge=1, le=256)
    layers: int = Field(description="hidden layers", ge=1, le=100)
    width: int = Field(description="features of a hidden layer", ge=1, le=8192)
    dropout: float = Field(description="probability of dropping a feature of a hidden layer", ge=0, lt=1)


Factors = Annotated[int, Field(description="numbers in the vector of a user or an item", ge=1, le=4096)]


class MatrixFactorisationOptions(_Options):
    """Vectors of users and items, and their biases."""

    factors: Factors
    dropout: float = Field(description="probability of dropping a number of a vector", ge=0, lt=1)


class TwoTowersOptions(_Options):
    """A perceptron of users and their features, and one of items and theirs."""

    factors: Factors
    layers: int = Field(description="hidden layers of a tower; 0: a linear map", ge=0, le=20)
    width: int = Field(description="features of a hidden layer", ge=1, le=8192)
    dropout: float = Field(description="probability of dropping a feature", ge=0, lt=1)


DEFAULTS: dict[str, dict[str, Any]] = {
    "bag": {"width": 128, "buckets": 32_768, "dropout": 0.5},
    "bilstm": {"embedding": 128, "width": 128, "layers": 1, "dropout": 0.3, "pairs": 0},
    "cnn": {"width": 32, "depth": 3, "dropout": 0.1},
    "dilated": {
        "width": 32,
        "depth": 2,
        "stages": 3,
        "stem": 2,
        "kernel": 3,
        "dilations": [1, 2],
        "expansion": 2,
        "dropout": 0.1,
    },
    "dsdnet": {
        "width": 32,
        "depth": 2,
        "stages": 3,
        "stem": 2,
        "kernel": 3,
        "dilations": [1, 2],
        "expansion": 2,
        "dropout": 0.1,
    },
    "encoder": {
        "arch": "bert",
        "layers": 4,
        "width": 128,
        "heads": 4,
        "feed_forward": 512,
        "max_length": 128,
        "dropout": 0.1,
    },
    "encoder_decoder": {
        "encoder_layers": 3,
        "decoder_layers": 3,
        "width": 256,
        "heads": 4,
        "feed_forward": 768,
        "max_length": 128,
        "dropout": 0.2,
    },
    "gpt": {"layers": 4, "width": 128, "heads": 4, "max_length": 128, "dropout": 0.1},
    "image_text": {
        "image": {"name": "cnn"},
        "text": {"name": "bag"},
        "fusion": "late",
        "width": 128,
        "heads": 4,
        "layers": 2,
        "dropout": 0.1,
    },
    "mlp": {"embedding": 16, "layers": 2, "width": 256, "dropout": 0.2},
    "patch_encoder": {"patch": 8, "layers": 4, "width": 128, "heads": 4, "dropout": 0.1},
    "resnet8": {"width": 16, "dropout": 0.1},
    "resnet9": {"width": 64, "dropout": 0.1},
    "tabm": {"embedding": 16, "members": 16, "layers": 2, "width": 128, "dropout": 0.2},
    "text_cnn": {"embedding": 128, "filters": 100, "widths": [3, 4, 5], "dropout": 0.5},
    "timm": {"arch": None, "size": None},
    "torchvision": {"arch": "resnet18", "size": None},
    "transformers": {"dropout": None, "config": None},
    "vectors": {"width": 100},
    "matrix_factorisation": {"factors": 32, "dropout": 0.0},
    "two_towers": {"factors": 32, "layers": 1, "width": 64, "dropout": 0.1},
}
"""What each starts with; a literal, of which dvc.yaml lists the recipe's net."""


Modality = Literal["audio", "image", "image_text", "interaction", "table", "text"]


class Net(NamedTuple):
    """What the check of params.yaml knows of a net."""

    options: type[BaseModel]  # of `net` without its name
    modalities: tuple[Modality, ...]
    gives: tuple[Need, ...] = ()  # of what objectives need; of two that exclude one another its base tells which
    writes: bool | None = False  # a text for a text; None: its base tells


NETS: dict[str, Net] = {
    "bag": Net(BagOptions, ("text",)),
    "bilstm": Net(BiLSTMOptions, ("text",), ("both_sides",)),
    "cnn": Net(CNNOptions, ("audio", "image"), ("feature_map",)),
    "dilated": Net(DilatedOptions, ("image",), ("feature_map",)),
    "dsdnet": Net(DSDNetOptions, ("audio", "image"), ("feature_map",)),
    "encoder": Net(EncoderOptions, ("text",), ("both_sides",)),
    "encoder_decoder": Net(EncoderDecoderOptions, ("text",), ("both_sides",), writes=True),
    "gpt": Net(GPTOptions, ("text",), ("causal",)),
    "image_text": Net(ImageTextOptions, ("image_text",)),
    "matrix_factorisation": Net(MatrixFactorisationOptions, ("interaction",)),
    "mlp": Net(MLPOptions, ("table",)),
    "patch_encoder": Net(PatchEncoderOptions, ("audio", "image"), ("feature_map",)),
    "resnet8": Net(ResNet8Options, ("audio", "image"), ("feature_map",)),
    "resnet9": Net(ResNet9Options, ("audio", "image"), ("feature_map",)),
    "tabm": Net(TabMOptions, ("table",)),
    "text_cnn": Net(TextCNNOptions, ("text",), ("both_sides",)),
    "timm": Net(TimmOptions, ("audio", "image"), ("feature_map",)),
    "torchvision": Net(TorchvisionOptions, ("audio", "image")),
    "two_towers": Net(TwoTowersOptions, ("interaction",)),
    "transformers": Net(TransformersOptions, ("text",), ("both_sides", "causal"), writes=None),
    "vectors": Net(VectorsOptions, ("text",)),
}
