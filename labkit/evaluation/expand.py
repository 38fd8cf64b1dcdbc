"""Short forms of a suite, written out: variants of a case, boundary tables, pairwise factors.

One entry becomes several cases: the first keeps the entry's id and is the seed, the others are ``ID~v1``, ``ID~v2``... and
name it. So each case is judged on its own, and statistics still see that they stem from one. ::

    - id: R-1                                  - id: R-2                              - id: R-3
      given: How long may I keep the rug?        given: It came {days} days ago. OK?    given: "{hello} The {item}, how long?"
      expect: [{facts: [45 days]}]               boundary:                              pairwise:
      variants:                                    - {days: 45, expect: [decision: yes]}  hello: [Hi., Dear team,]
        - how long can i keep teh rug              - {days: 46, expect: [decision: no]}   item: [rug, lamp, hose]
        - given: And the ice cream?                                                     expect: [{facts: [45 days]}]
          technique: DIR
          expect: [{moves: {decision: approve -> deny}}]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from labkit import LabError

FORMS = ("variants", "boundary", "pairwise")
_VARIANT = {"given", "technique", "expect", "system"}
_HOLE = re.compile(r"\{([A-Za-z_]\w*)\}")
_CONTEXT = re.compile(r"\A(?:\[[^\n]*\]\n)+")

Entry = dict[str, Any]


def expand(entry: Entry, where: str) -> list[Entry]:
    """Write one entry of ``cases`` out.

    Args:
        entry: as read from YAML.
        where: file and case, for messages.

    Returns:
        Entries without short forms, the seed first; the entry itself when it has none.

    Raises:
        LabError: a short form is used wrongly.
    """
    used = [form for form in FORMS if form in entry]
    if not used:
        return [entry]
    if len(used) > 1 or entry.get("seed"):
        what = f"has '{used[0]}' and '{[*used, 'seed'][1]}'"
        raise LabError(where, what, f"use one of {', '.join(FORMS)}, in a case without seed")
    [form] = used
    base = {key: value for key, value in entry.items() if key != form}
    try:
        if form == "variants":
            rest = [_variant(base, one) for one in _list(entry[form], form)]
            return _numbered([base, *rest])
        rows = _table(entry[form]) if form == "boundary" else _pairs(entry[form])
        return _numbered([_filled({"technique": form, **base}, row) for row in rows])
    except ValueError as error:
        raise LabError(where, f"'{form}': {error}", "see 'labkit schema suite'") from error


def _numbered(cases: list[Entry]) -> list[Entry]:
    seed = cases[0].get("id")
    later = [{**case, "id": f"{seed}~v{n}", "seed": seed} for n, case in enumerate(cases[1:], 1)]
    return [cases[0], *later]


def _list(value: Any, form: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"give a list of {form}")
    return value


def _variant(base: Entry, variant: Any) -> Entry:
    """A text asks for the same in other words: it inherits what is expected, and must agree with the seed."""
    if isinstance(variant, str):
        variant = {"given": variant}
    if not isinstance(variant, dict) or "given" not in variant or set(variant) - _VARIANT:
        raise ValueError(f"a variant is a text, or holds given and perhaps {', '.join(sorted(_VARIANT - {'given'}))}")
    if "expect" not in variant:
        if variant.get("technique", "INV") != "INV":
            raise ValueError(f"a variant of technique {variant['technique']} needs its own 'expect'")
        variant = {**variant, "expect": [*base.get("expect", []), {"consistent": True}]}
    return {**base, "technique": "INV", **variant, "given": _in_context(variant["given"], base.get("given"))}


def _in_context(given: Any, seed: Any) -> Any:
    """The variant's words, under the context lines (rule, order, document) of the seed unless it brings its own."""
    if not isinstance(given, str):
        return given
    if isinstance(seed, list) and seed and isinstance(seed[-1], dict):
        content = _in_context(given, seed[-1].get("content"))
        return [*seed[:-1], {**seed[-1], "content": content}]
    context = _CONTEXT.match(seed) if isinstance(seed, str) else None
    return given if context is None or _CONTEXT.match(given) else context[0] + given


def _table(value: Any) -> list[dict[str, Any]]:
    rows = _list(value, "rows")
    if not all(isinstance(row, dict) and set(row) - {"expect"} for row in rows):
        raise ValueError("a row is a mapping of names to values, and perhaps 'expect'")
    if any(set(row) - {"expect"} != set(rows[0]) - {"expect"} for row in rows):
        raise ValueError("all rows need the same names")
    return rows


def _pairs(value: Any) -> list[dict[str, Any]]:
    """Rows in which any two values of two factors meet at least once (all-pairs, n = 2)."""
    from allpairspy import AllPairs

    if not isinstance(value, dict) or len(value) < 2:
        raise ValueError("give two factors or more, each with a list of values")
    if not all(isinstance(values, list) and len(values) > 1 for values in value.values()):
        raise ValueError("each factor needs a list of two values or more")
    return [dict(zip(value, row, strict=True)) for row in AllPairs(list(value.values()))]


def _filled(base: Entry, row: dict[str, Any]) -> Entry:
    values = {key: value for key, value in row.items() if key != "expect"}
    given = fill(base.get("given"), values)
    if unused := sorted(set(values) - set(holes(base.get("given")))):
        raise ValueError(f"{{{unused[0]}}} does not stand in 'given'")
    return {**base, "given": given, "expect": fill(row.get("expect", base.get("expect")), values)}


def holes(value: Any) -> Iterator[str]:
    """The names in curly brackets in a text, or in the texts of a list or mapping."""
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from holes(part)
    if isinstance(value, str):
        yield from _HOLE.findall(value)


def fill(value: Any, values: dict[str, Any]) -> Any:
    """The value with every ``{name}`` filled in; a text that is nothing but one becomes the value itself.

    Raises:
        ValueError: a name has no value.
    """
    if isinstance(value, dict):
        return {key: fill(part, values) for key, part in value.items()}
    if isinstance(value, list):
        return [fill(part, values) for part in value]
    if not isinstance(value, str):
        return value
    if strange := [name for name in _HOLE.findall(value) if name not in values]:
        raise ValueError(f"{{{strange[0]}}} has no value")
    whole = _HOLE.fullmatch(value)
    return values[whole[1]] if whole else _HOLE.sub(lambda m: str(values[m[1]]), value)
