"""The JSON Schema of a suite file, for completion and checking in editors; the loader itself is stricter.

``labkit schema suite`` prints it. An editor with a YAML language server uses it when the suite starts with a line such as
``# yaml-language-server: $schema=../suite.schema.json``.
"""

from __future__ import annotations

from typing import Any, get_args

from labkit.evaluation import oracle_records as oracle_records  # importing it registers the lab's own oracles
from labkit.evaluation.registry import known_oracles
from labkit.records import Role, Technique

_TEXT = {"type": "string", "minLength": 1}
_SYSTEM = {"type": ["string", "null"], "description": "System message; null for none."}


def suite_schema() -> dict[str, Any]:
    """Schema of a suite, with the oracles that are registered now; others are let through, as teams add their own."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "labkit behaviour suite",
        "type": "object",
        "required": ["suite", "cases"],
        "additionalProperties": False,
        "properties": {
            "suite": {**_TEXT, "description": "Name of the suite; run records and reports use it."},
            "version": {"type": "integer", "minimum": 1},
            "system": _SYSTEM,
            "cases": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/case"}},
        },
        "$defs": {
            "case": _case(),
            "given": _GIVEN,
            "expect": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/expectation"}},
            "expectation": _expectation(),
            "variant": _VARIANT,
        },
    }


_GIVEN = {
    "description": "What the model is asked: words of the user, or a list of messages that ends with the user's.",
    "anyOf": [
        _TEXT,
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["role", "content"],
                "additionalProperties": False,
                "properties": {"role": {"enum": list(get_args(Role))}, "content": {"type": "string"}},
            },
        },
    ],
}
_VARIANT = {
    "description": "A text asks for the same in other words (INV); a mapping may say what else is expected (DIR).",
    "anyOf": [
        _TEXT,
        {
            "type": "object",
            "required": ["given"],
            "additionalProperties": False,
            "properties": {
                "given": {"$ref": "#/$defs/given"},
                "technique": {"enum": list(get_args(Technique))},
                "expect": {"$ref": "#/$defs/expect"},
                "system": _SYSTEM,
            },
        },
    ],
}


def _case() -> dict[str, Any]:
    properties = {
        "id": {**_TEXT, "pattern": "^[A-Za-z0-9][A-Za-z0-9._:+-]*$", "description": "Unique in the suite."},
        "requirement": {**_TEXT, "description": "Id in requirements.yaml."},
        "technique": {"enum": list(get_args(Technique)), "description": "ISTQB and CheckList words."},
        "given": {"$ref": "#/$defs/given"},
        "expect": {"$ref": "#/$defs/expect"},
        "seed": {**_TEXT, "description": "Id of the case that this one is a variant of."},
        "system": _SYSTEM,
        "variants": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/variant"},
            "description": "More cases of the same seed: ID~v1, ID~v2...",
        },
        "boundary": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "properties": {"expect": {"$ref": "#/$defs/expect"}}},
            "description": "Rows of values for the {names} in 'given', each with what is expected there.",
        },
        "pairwise": {
            "type": "object",
            "minProperties": 2,
            "additionalProperties": {"type": "array", "minItems": 2},
            "description": "Factors and their values: any two values of two factors meet in one case.",
        },
    }
    return {
        "type": "object",
        "required": ["id", "requirement", "given"],
        "additionalProperties": False,
        "properties": properties,
        "anyOf": [{"required": keys} for keys in (["technique", "expect"], ["boundary"], ["pairwise", "expect"])],
    }


def _expectation() -> dict[str, Any]:
    """One oracle and what it expects; the first sentence of its docstring helps in the editor."""
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {name: {"description": _about(name)} for name in sorted(known_oracles())},
    }


def _about(name: str) -> str:
    text = (known_oracles()[name].__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(text.split())
