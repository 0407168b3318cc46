"""What an Ollama server answers, read with suspicion: its shape is checked, its words are never trusted."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import BadAnswer, LlmDown, LlmFailed

STOP, LENGTH = "stop", "length"
MAX_POSITIONS = 64
MAX_ALTERNATIVES = 64
MAX_LISTED = 10_000
MAX_TOKENS = 1_000_000
SPECIAL_KINDS = frozenset({2, 3, 4})
"""Unknown, control and user-defined: tokens that are found in a prompt's text before all others."""
THINKING = "thinking"


class Shape(BaseModel):
    """What all answers share: frozen, of exact types; what we do not know of is left out."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


Read = TypeVar("Read", bound=Shape)


Count = Annotated[int, Field(ge=0)]


class Token(Shape):
    """A token as text, and the natural logarithm of its probability."""

    token: str
    logprob: Annotated[float, Field(allow_inf_nan=False)]


class Position(Token):
    """The token that was chosen, and what else the model thought of before any grammar was applied."""

    top_logprobs: Annotated[tuple[Token, ...] | None, Field(strict=False, max_length=MAX_ALTERNATIVES)] = None


class Said(Shape):
    """The text of an answer."""

    content: str = ""


class ChatAnswer(Shape):
    """The answer to one question; absent numbers mean 0, durations are nanoseconds.

    `prompt_eval_count` includes tokens from the cache, `prompt_eval_duration` the work on those that were not in it.
    """

    message: Said
    done: bool = False
    done_reason: str = ""
    prompt_eval_count: Count = 0
    prompt_eval_duration: Count = 0
    eval_count: Count = 0
    eval_duration: Count = 0
    remote_host: Annotated[str, Field(max_length=1000)] = ""
    logprobs: Annotated[tuple[Position, ...] | None, Field(strict=False, max_length=MAX_POSITIONS)] = None


class Version(Shape):
    """The server's version."""

    version: Annotated[str, Field(max_length=100)]


class Loaded(Shape):
    """The answer to a preload."""

    done: bool = False


class Model(Shape):
    """A model that a server has, or has in memory: then with the context it was loaded with, 0 if it does not say.

    `remote_host`: it is but a name for a model on another server, to which every prompt would be sent.
    """

    name: Annotated[str, Field(max_length=1000)]
    size: int = 0
    context_length: int = 0
    remote_host: Annotated[str, Field(max_length=1000)] = ""


class Models(Shape):
    """What a server has, or has in memory."""

    models: Annotated[tuple[Model, ...] | None, Field(strict=False, max_length=MAX_LISTED)] = None


Strings = Annotated[tuple[str, ...], Field(strict=False, max_length=MAX_TOKENS)]
Kinds = Annotated[tuple[int, ...], Field(strict=False, max_length=MAX_TOKENS)]


class Vocabulary(Shape):
    """A model's tokens, and what kind each is of."""

    tokens: Strings = Field(alias="tokenizer.ggml.tokens", default=())
    kinds: Kinds = Field(alias="tokenizer.ggml.token_type", default=())


class Details(Shape):
    """What a server tells of a model."""

    model_info: Vocabulary = Vocabulary()
    capabilities: Strings = ()

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The tokens that the model's tokeniser takes out of any text, whoever wrote it."""
        named = zip(self.model_info.tokens, self.model_info.kinds, strict=False)
        return tuple(token for token, kind in named if kind in SPECIAL_KINDS)

    @property
    def thinks(self) -> bool:
        """Whether the model may think aloud before it answers; some servers put off the grammar until it has."""
        return THINKING in self.capabilities


def read(shape: type[Read], body: bytes) -> Read:
    """Read an answer; BadAnswer, with nothing of it, if it is not of this shape, LlmFailed if there is none."""
    if not body:
        raise LlmFailed("the language model's server hung up before its answer")
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        kind = error.errors(include_input=False, include_url=False, include_context=False)[0]["type"]
        raise BadAnswer(f"the language model's server sent no {shape.__name__} we can read ({kind})") from None


def finished(answer: ChatAnswer, reasons: tuple[str, ...]) -> ChatAnswer:
    """Return the answer if it was ended for one of these reasons; a 200 alone says nothing of that."""
    if answer.remote_host:
        raise LlmDown("the language model's server passes its prompts on to another server: nothing more is sent")
    if not answer.done:
        raise LlmFailed("the language model's server stopped before the answer was done")
    if answer.done_reason not in reasons:
        raise BadAnswer("the language model's answer did not end where it should")
    return answer
