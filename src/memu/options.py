"""What all settings have in common: unknown options are errors, and no error repeats a value, which may be secret."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from memu.errors import ConfigError

S = TypeVar("S", bound=BaseModel)


class Settings(BaseModel):
    """Base of all settings: an unknown key is an error, and so is assigning one that makes no sense."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, hide_input_in_errors=True)

    def __init__(self, **data: Any) -> None:
        """Take the options by keyword.

        Raises:
            ConfigError: naming every unknown option and every value that cannot be meant.
        """
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise ConfigError(describe_faults(error, list(type(self).model_fields))) from None


def parse(model: type[S], value: S | Mapping[str, Any] | None, name: str) -> S:
    """Make settings from a model, a mapping or None.

    Raises:
        ConfigError: the mapping holds an unknown key or a value that cannot be meant; every fault is named.
    """
    if value is None:
        return model()
    if isinstance(value, model):
        return value
    if isinstance(value, BaseModel) or not isinstance(value, Mapping):
        raise ConfigError(f"{name} is a {type(value).__name__}: expected {model.__name__}, a dict, or None.")
    try:
        return model(dict(value)) if issubclass(model, RootModel) else model(**value)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"{name}: {describe_faults(error)}") from None


def describe_faults(error: ValidationError, options: Sequence[str] = ()) -> str:
    """One line for all faults of a settings object, without the values, which may be secret.

    Args:
        error: what pydantic found.
        options: the names that there are, for whoever missed one.
    """
    return "; ".join(_fault(fault, options) for fault in error.errors(include_url=False, include_input=False))


def _fault(fault: Any, options: Sequence[str]) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = f"unknown option{_meant(place, options)}"
    return f"{place}: {message}" if place else message


def _meant(name: str, options: Sequence[str]) -> str:
    """What may have been meant."""
    near = get_close_matches(name, options, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; expected one of {', '.join(sorted(options))}" if options else ""
