"""The options of `memorize`: categories, memory types, lengths, and what a language model is told."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator, model_validator

from memu.models import MEMORY_TYPES
from memu.options import Settings

TEXTS = ("conversation", "document", "text")
"""The modalities that are read as text."""


class PromptBlock(Settings):
    """A part of a prompt; parts stand in the order of `ordinal`, and one below 0 is left out."""

    label: str = ""
    ordinal: int = 0
    prompt: str


Prompt = str | dict[str, PromptBlock | str]
"""What an operator tells a model: a text, or parts of one by name."""


def prompt_text(prompt: Prompt | None) -> str:
    """A prompt as one text; "" for none."""
    if prompt is None or isinstance(prompt, str):
        return (prompt or "").strip()
    blocks = [one if isinstance(one, PromptBlock) else PromptBlock(prompt=one) for one in prompt.values()]
    kept = sorted((one for one in blocks if one.ordinal >= 0), key=lambda one: one.ordinal)
    return "\n\n".join(text for one in kept if (text := one.prompt.strip()))


class CategoryConfig(Settings):
    """One category that items may be filed in.

    `summary_prompt` tells a language model what this category's summary is to be; the rules know nothing of it.
    """

    name: str = Field(min_length=1, max_length=255)
    description: str = ""
    target_length: int | None = Field(default=None, gt=0)
    summary_prompt: Prompt | None = None


DEFAULT_CATEGORIES: tuple[tuple[str, str], ...] = (
    ("personal_info", "Who the person is: name, age, birthday, origin, home, education and other lasting facts"),
    ("preferences", "What the person likes, dislikes, prefers, avoids, or names as a favourite"),
    ("relationships", "Family, friends, partners, colleagues, neighbours and pets, and how they stand to the person"),
    ("activities", "Hobbies, sports, games, music, cooking and other things the person does in free time"),
    ("goals", "Plans, aims, wishes, ambitions and things the person intends to do"),
    ("experiences", "Trips, events, milestones and other things that happened to the person"),
    ("knowledge", "Facts, explanations, instructions and things learned about the world"),
    ("opinions", "Views, judgements, beliefs and what the person thinks of things"),
    ("habits", "Routines and things the person does regularly, daily or every week"),
    ("work_life", "Job, career, employer, colleagues at work, projects, studies and skills at work"),
)


class MemorizeConfig(Settings):
    """What `memorize` makes of a source.

    `category_assign_threshold` is the least confidence (0..1) with which an item is filed in a category by the rules;
    `category_summary_target_length` the length of a category's summary in characters, also spelled
    `default_category_summary_target_length`. `operations_kept` is how many of each owner's latest operations can be
    undone; what they changed is kept for that long. With `enable_item_references` the summaries of categories name the
    item behind each sentence, as `[ref:id]` (`memu.utils.references`).

    `max_calls` and `max_tokens` bound what one `memorize` may ask of endpoints, for words and for vectors; the rules do
    what is left, but vectors that are not to be had any more are an error.

    The other options are a language model's, and an error where none is configured:

    - `memory_type_prompts`: what is to be remembered as a memory type, for each type in the operator's own words.
    - `multimodal_preprocess_prompts`: how a "conversation", a "document" or a "text" is to be read.
    - `default_category_summary_prompt`: what summaries are to be; a category's own `summary_prompt` goes before it.
    - `memory_extract_llm_profile`, `category_update_llm_profile`: whom the two steps ask.
    - `preprocess_llm_profile`: whom pictures, recordings and videos are given to.
    - `extract_window`: how many characters of messages go into one request.
    """

    category_assign_threshold: float = Field(default=0.25, ge=0.0, le=1.0)
    memory_types: tuple[str, ...] = ("profile", "event", "knowledge", "behavior")
    memory_categories: list[CategoryConfig] = Field(
        default_factory=lambda: [CategoryConfig(name=name, description=text) for name, text in DEFAULT_CATEGORIES]
    )
    category_summary_target_length: int = Field(default=400, gt=0)
    operations_kept: int = Field(default=100, ge=0)
    enable_item_references: bool = False
    memory_type_prompts: dict[str, Prompt] = Field(default_factory=dict)
    multimodal_preprocess_prompts: dict[str, Prompt] = Field(default_factory=dict)
    default_category_summary_prompt: Prompt | None = None
    memory_extract_llm_profile: str = "default"
    category_update_llm_profile: str = "default"
    preprocess_llm_profile: str = "default"
    extract_window: int = Field(default=20_000, ge=500)
    max_calls: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)

    def __init__(self, **data: Any) -> None:
        """Take either spelling of the length; typed as such, because the fields name one only."""
        super().__init__(**data)

    @model_validator(mode="before")
    @classmethod
    def _one_length(cls, data: Any) -> Any:
        other = "default_category_summary_target_length"
        if not isinstance(data, Mapping) or other not in data:
            return data
        if "category_summary_target_length" in data:
            raise ValueError(f"{other} and category_summary_target_length are two spellings of one thing: give one.")
        rest = {key: value for key, value in data.items() if key != other}
        return {**rest, "category_summary_target_length": data[other]}

    @field_validator("memory_type_prompts")
    @classmethod
    def _prompts_of_types(cls, value: dict[str, Prompt]) -> dict[str, Prompt]:
        return _known(value, MEMORY_TYPES, "memory type")

    @field_validator("multimodal_preprocess_prompts")
    @classmethod
    def _prompts_of_texts(cls, value: dict[str, Prompt]) -> dict[str, Prompt]:
        return _known(value, TEXTS, "modality of texts")

    @model_validator(mode="after")
    def _known_types(self) -> "MemorizeConfig":
        if unknown := [name for name in self.memory_types if name not in MEMORY_TYPES]:
            raise ValueError(f"unknown memory type {unknown[0]!r}: expected some of {', '.join(MEMORY_TYPES)}.")
        names = [category.name for category in self.memory_categories]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the category {min(doubled)!r} is named twice in memory_categories.")
        return self

    @property
    def model_steps(self) -> dict[str, str]:
        """The steps that ask a language model where one is configured, and the profile that each asks."""
        return {
            "preprocess": self.preprocess_llm_profile,
            "extract": self.memory_extract_llm_profile,
            "summarize": self.category_update_llm_profile,
        }

    @property
    def for_models(self) -> list[str]:
        """The options that were given and that only a language model heeds."""
        named = ("memory_type_prompts", "multimodal_preprocess_prompts", "default_category_summary_prompt")
        given = [name for name in named if getattr(self, name)]
        given += [
            f"{name}_llm_profile"
            for name in ("preprocess", "memory_extract", "category_update")
            if self._asks_another(name)
        ]
        return given + [
            f"memory_categories.{one.name}.summary_prompt" for one in self.memory_categories if one.summary_prompt
        ]

    def _asks_another(self, step: str) -> bool:
        return bool(getattr(self, f"{step}_llm_profile") != "default")

    def length_of(self, name: str) -> int:
        """The length of a category's summary in characters."""
        own = self.category(name)
        return (own and own.target_length) or self.category_summary_target_length

    def category(self, name: str) -> CategoryConfig | None:
        """The configured category of a name."""
        return next((one for one in self.memory_categories if one.name == name), None)


def _known(value: dict[str, Prompt], names: Sequence[str], what: str) -> dict[str, Prompt]:
    if unknown := [name for name in value if name not in names]:
        raise ValueError(f"{unknown[0][:40]!r} is no {what}: expected some of {', '.join(names)}.")
    return value
