"""What a function is as a tool: its name, its words, and a JSON schema of its arguments."""

import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError

from memorizz.keeping import name_of, sentences
from memorizz.memory_provider.results import Document
from memorizz.memory_provider.values import encoded
from memu.errors import InputError, InputTypeError

LIST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns?|Raises|Yields|Examples?|Notes?)\s*:?\s*$")
ENTRY = re.compile(r"^\s+\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>\S.*)$")
FIELD = re.compile(r"^\s*:param\s+(?:[^:]*\s)?(?P<name>\w+)\s*:\s*(?P<text>\S.*)$")
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""What differs from one run to the next in how an object shows itself."""

PROGRAMS = ("__main__", "__mp_main__")
"""What the module of a program is called, in it and in processes that it spawns."""

ARGUMENTS = ("Args", "Arguments", "Parameters")


class _Plain(GenerateJsonSchema):
    """JSON schemas without titles, and without a word of defaults that are no JSON."""

    ignored_warning_kinds = frozenset({"skipped-choice", "non-serializable-default"})  # type: ignore[assignment]

    def encode_default(self, dft: Any) -> Any:
        found = super().encode_default(dft)
        try:
            return encoded(found, "default")
        except InputError as error:  # such as infinity: the schema says no default then
            raise PydanticSerializationError(str(error)) from error

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def tool_document(
    func: Callable[..., Any], name: str | None = None, description: str | None = None, user_id: str | None = None
) -> Document:
    """A function as the document of a tool, without an embedding.

    Args:
        func: the function.
        name: what the tool is called; the function's own name by default.
        description: what it does; the beginning of the docstring by default.
        user_id: the user that the tool belongs to.

    Raises:
        InputTypeError: it cannot be called.
        InputError: it has no name; an argument can only be given by its place, or is of a type that JSON does not have.
    """
    if not callable(func):
        raise InputTypeError(f"the tool is a {type(func).__name__}: expected a function.")
    called = _name(func, name)
    docstring = inspect.getdoc(func) or "" if _has_own_docstring(func) else ""
    summary, told = _read(docstring)
    signature = _signature(func, called)
    schema = input_schema(signature, called, told)
    described = description if description is not None else summary
    required = schema.get("required", [])
    place = {"module": getattr(func, "__module__", None) or "", "qualname": getattr(func, "__qualname__", called)}
    return {
        "tool_id": _id(place, called, user_id), "user_id": user_id,
        "name": called, "description": described, "docstring": docstring,
        "signature": ADDRESS.sub("", f"{called}{signature}"),
        "type": "function", "tool_type": "function", **place,
        "parameters": _parameters(schema), "required": required, "input_schema": schema,
        "function": {"name": called, "description": described, "parameters": schema},
    }  # fmt: skip


def _id(place: Mapping[str, str], called: str, user_id: str | None) -> str:
    """The id of a tool, which is the same each time that it is registered for a user, or for nobody."""
    module = f"{place['module']}:{script}" if (script := _script(place["module"])) else place["module"]
    common = uuid5(NAMESPACE_URL, f"memorizz:tool:{module}:{place['qualname']}:{called}")
    return str(common if user_id is None else uuid5(common, name_of(user_id, "user_id")))


def _script(module: str) -> str:
    """The file of a program, all of which are called alike; nothing for modules with a name, and for notebooks."""
    file = getattr(sys.modules["__main__"], "__file__", None) if module in PROGRAMS else None
    return "" if file is None else os.path.realpath(file)


def tool_text(document: Mapping[str, Any]) -> str:
    """The text that a tool is found by: its name as words, what it does, and its arguments."""
    names = [str(document.get("name", "")).replace("_", " "), document.get("description")]
    arguments = document.get("parameters")
    told = [one for one in arguments if isinstance(one, Mapping)] if isinstance(arguments, list) else []
    return sentences(*names, *(f"{one.get('name')}: {one['description']}" for one in told if one.get("description")))


def input_schema(signature: inspect.Signature, called: str, told: Mapping[str, str]) -> Document:
    """The JSON schema of the arguments that a function takes by their names; `*args` is not among them.

    Raises:
        InputError: see `tool_document`.
    """
    fields: dict[str, Any] = {}
    for place, one in enumerate(signature.parameters.values()):
        if one.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise InputError(
                f"{one.name} of {called} can only be given by its place, and tools are called with names: wrap it."
            )
        if one.kind not in LIST:
            # Under names of their own: an argument may be called like something that a pydantic model has.
            fields[f"argument{place}"] = _field(one, told.get(one.name))
            _checked(fields[f"argument{place}"], one, called)
    schema = _schema(fields)
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in signature.parameters.values())
    return {**schema, "additionalProperties": open_ended}


def _schema(fields: Mapping[str, Any]) -> Document:
    model = create_model("Arguments", **fields)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        schema: Document = model.model_json_schema(schema_generator=_Plain)
    schema.pop("title", None)
    schema.setdefault("properties", {})
    return schema


def _field(one: inspect.Parameter, told: str | None) -> tuple[Any, FieldInfo]:
    kind = Any if one.annotation is inspect.Parameter.empty else one.annotation
    default = ... if one.default is inspect.Parameter.empty else one.default
    # What `Annotated[…, Field(description=…)]` says goes before the docstring.
    described = kind if told is None or _describes(kind) else Annotated[kind, Field(description=told)]
    field: FieldInfo = Field(default, alias=one.name)
    return described, field


def _describes(kind: Any) -> bool:
    return any(isinstance(one, FieldInfo) and one.description for one in getattr(kind, "__metadata__", ()))


def _checked(made: tuple[Any, FieldInfo], one: inspect.Parameter, called: str) -> None:
    """Raise an InputError that names the argument whose type has no JSON schema."""
    try:
        _schema({"argument": made})
    except PydanticUserError as error:
        wanted = "expected a type that JSON has, a dataclass or a pydantic model."
        raise InputError(
            f"{one.name} of {called} is annotated with {inspect.formatannotation(one.annotation)}, which has no JSON "
            f"schema: {error.message.partition(chr(10))[0] if type(error) is PydanticUserError else wanted}"
        ) from error


def _parameters(schema: Document) -> list[Document]:
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "type": one.get("type", "any"),
            "description": one.get("description", ""),
            "required": name in required,
        }
        for name, one in schema["properties"].items()
    ]


def _name(func: Callable[..., Any], name: str | None) -> str:
    own = getattr(func, "__name__", None) if name is None else name
    if own is None or own == "<lambda>":
        raise InputError(f"{own or type(func).__name__} has no name that a tool could have: give one, name=….")
    return name_of(own, "the name of the tool")


def _has_own_docstring(func: Callable[..., Any]) -> bool:
    """Whether a docstring is the function's, rather than that of the class that an object is of."""
    return inspect.isroutine(func) or inspect.isclass(func) or "__doc__" in getattr(func, "__dict__", {})


def _signature(func: Callable[..., Any], called: str) -> inspect.Signature:
    """A function's signature with its annotations evaluated; what it returns may be something that is not there."""
    absent: dict[str, Any] = {}
    signature = _evaluated(func, called, absent)
    for one in signature.parameters.values() if absent else ():
        if missing := _absent_in(one.annotation):
            raise InputError(
                f"an annotation of {called} names what is not there: name {missing!r} is not defined; import it."
            )
    return signature


def _evaluated(func: Callable[..., Any], called: str, absent: dict[str, Any]) -> inspect.Signature:
    """The signature; `absent` gets what stands for the names that are not there."""
    try:
        return inspect.signature(func, locals=dict(absent) or None, eval_str=True)
    except NameError as error:
        if error.name is None or error.name in absent:
            raise InputError(f"an annotation of {called} names what is not there: {error}; import it.") from error
        absent[error.name] = Absent(error.name)
    except ValueError as error:
        raise InputError(f"{called} does not say which arguments it takes: wrap it in a function.") from error
    return _evaluated(func, called, absent)


class Absent:
    """Stands for a name of an annotation that exists only while types are checked."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __getattr__(self, name: str) -> "Absent":
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.name}.{name}")

    def __getitem__(self, _key: Any) -> "Absent":
        return self

    def __or__(self, _other: Any) -> "Absent":
        return self

    __ror__ = __or__

    def __call__(self) -> None:
        """Called by nobody: typing takes for a type only what could be."""


def _absent_in(annotation: Any) -> str | None:
    """A name in an annotation that is not there."""
    if isinstance(annotation, Absent):
        return annotation.name
    inner = (*getattr(annotation, "__args__", ()), *getattr(annotation, "__metadata__", ()))
    return next((name for one in inner if (name := _absent_in(one))), None)


def _read(docstring: str) -> tuple[str, dict[str, str]]:
    """What a docstring says before its sections, and what it says of each argument."""
    summary: list[str] = []
    told: dict[str, str] = {}
    section, last, indent = "", "", 0
    for line in docstring.splitlines():
        if heading := SECTION.match(line):
            section, last = heading[1], ""
            continue
        entry = FIELD.match(line) or (ENTRY.match(line) if section in ARGUMENTS else None)
        depth = len(line) - len(line.lstrip())
        if entry and not (section and last and depth > indent):
            last, indent = entry["name"], depth
            told[last] = entry["text"].strip()
        elif last and line.strip() and depth > indent:
            told[last] += f" {line.strip()}"
        elif line.lstrip().startswith(":"):
            section, last = "fields", ""
        elif not section:
            summary.append(line)
    return " ".join(" ".join(summary).split()), told
