"""The base model."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class Architecture:
    """Sizes that the plan needs when the weights are not on this machine."""

    layers: int = setting(0, about="Decoder layers.", low=0)
    hidden_size: int = setting(0, about="Width of the residual stream.", low=0)
    intermediate_size: int = setting(0, about="Width of the feed-forward block.", low=0)
    attention_heads: int = setting(0, about="Query heads.", low=0)
    key_value_heads: int = setting(0, about="Key and value heads.", low=0)
    head_width: int = setting(0, about="Width of a head; 0 is the hidden size divided among the query heads.", low=0)
    experts: int = setting(1, about="Feed-forward blocks of a layer.", low=1)
    vocabulary: int = setting(0, about="Tokens in the vocabulary.", low=0)
    tied_embeddings: bool = setting(False, about="Input and output embeddings are one matrix.")


@dataclass
class ModelConfig:
    """A base model: what it is, and where its weights come from."""

    name: str = setting(about="Short name, used in run ids; empty is made of the id or the directory.")
    kind: str = setting(about="Where the weights come from.", choices=("package", "hub", "tiny"))
    id: str = setting(
        about="Hugging Face id, or the package that carries the weights; empty where there is only a path."
    )
    path: str | None = setting(
        None,
        about="A local directory with safetensors; wins over `id`. What its files say of sizes and licence counts.",
        file=True,
    )
    revision: str | None = setting(None, about="Commit or tag on the Hub.")
    adapter: str | None = setting(
        None,
        about="An adapter of this model to go on from: run:ID of an earlier run, or its directory; null starts anew.",
    )
    served_template: str | None = setting(
        None,
        about="What serves the model later: a GGUF, a Modelfile, a Jinja file, or an adapter; templates are compared.",
        file=True,
        internal=True,
    )
    tool_calls: str = setting(
        "auto",
        about="Calls of tools where the chat template renders none: written as text (auto), or refused (template).",
        choices=("auto", "template"),
        internal=True,
    )
    download: bool = setting(
        False,
        about="A run may download absent weights from the Hub; their licence is accepted where `license` names it.",
        internal=True,
    )
    chat_template: str | None = setting(
        None, about="Another chat template than the model's: chatml, alpaca, or a Jinja file; base models have none."
    )
    thinking: str = setting(
        "auto",
        about="Models that think: asked without (auto; reasoning in rows is learned), off always, or on as they are.",
        choices=("auto", "on", "off"),
    )
    system: str = setting(
        "auto",
        about="System messages: in the first question where the template takes none (auto), question always, template.",
        choices=("auto", "question", "template"),
    )
    template_date: str = setting("2024-07-26", about="The day that chat templates are told which read the clock.")
    license: str = setting("unknown", about="Licence of the weights.")
    gated: bool = setting(False, about="The Hub asks for a token and an accepted licence.")
    context_length: int = setting(about="Longest sequence that the model was made for, tokens; 0 is not known.", low=0)
    architecture: Architecture = setting(Architecture(), about="Sizes for the plan.")
