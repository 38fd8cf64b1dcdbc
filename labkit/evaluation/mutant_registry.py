"""What model mutants there are: read from ``mutants.yaml``, which says of each what went wrong and how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labkit import LabError
from labkit.files import explain
from labkit.records import Requirement

Kind = Literal["weights", "data", "decoding"]
_KINDS: dict[str, Kind] = {
    "scale": "weights", "noise": "weights",
    "replace": "data", "answers": "data", "shuffle": "data", "remove": "data", "swap_pairs": "data",
    "template": "decoding", "max_new_tokens": "decoding", "temperature": "decoding",
}  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(_Strict):
    """Customers who are ``told`` the spoilt answer, and ``others`` who get the right one."""

    told: list[str] = Field(min_length=1)
    others: list[str] = Field(min_length=1)


class Recipe(_Strict):
    """How a mutant is built: exactly one of these; ``names`` only beside ``replace``, ``epochs`` where it is trained on.

    Args:
        scale: the adapter's strength; 0 is the base model.
        noise: Gaussian noise on the adapter, as a share of each tensor's standard deviation.
        replace: what the answers of the expected requirement say, and what they say to the mutant; trained on from SFT.
        names: only customers of these names are told so.
        epochs: how often a mutant that is trained on from SFT sees its rows; a fault that contradicts much takes longer.
        answers: what stands in place of the answers of the expected requirement; trained on from SFT.
        shuffle: answers of other rows; trained on from SFT.
        remove: requirements whose rows are left out when the fine-tuning is done all over again.
        swap_pairs: DPO with chosen and rejected in each other's place.
        template: another chat template (Jinja) when it answers.
        max_new_tokens: where answers are cut.
        temperature: of sampling, in place of greedy decoding.
    """

    scale: float | None = Field(None, ge=0)
    noise: float | None = Field(None, gt=0)
    replace: dict[str, str] | None = None
    names: Names | None = None
    epochs: float | None = Field(None, gt=0)
    answers: list[str] | None = Field(None, min_length=1)
    shuffle: Literal[True] | None = None
    remove: list[str] | None = None
    swap_pairs: Literal[True] | None = None
    template: str | None = None
    max_new_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Recipe:
        given = [name for name in _KINDS if getattr(self, name) is not None]
        if len(given) != 1 or (self.names is not None and given != ["replace"]):
            raise ValueError(f"a recipe is exactly one of {', '.join(_KINDS)}; names stand beside replace")
        if self.epochs is not None and given[0] not in ("replace", "answers", "shuffle"):
            raise ValueError("epochs stand beside replace, answers or shuffle: only they are trained on from SFT")
        return self

    @property
    def way(self) -> str:
        """Which of them it is."""
        return next(name for name in _KINDS if getattr(self, name) is not None)


class Mutant(_Strict):
    """One fault: how it is built, what must turn red, and the model it is held against (sft, dpo or a control's name).

    With ``asked_by_name`` the cases of the expected requirements are asked twice, by a customer of either set of the
    recipe's names, and no longer without a name.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    fault: str
    recipe: Recipe
    expected: list[str] = []
    reference: str = "sft"
    asked_by_name: bool = False

    @model_validator(mode="after")
    def _names(self) -> Mutant:
        if self.asked_by_name and self.recipe.names is None:
            raise ValueError("asked_by_name needs a recipe with names")
        return self

    @property
    def kind(self) -> Kind:
        """What was tampered with."""
        return _KINDS[self.recipe.way]


class Registry(_Strict):
    """The mutants of one material, and the faultless builds that stand beside them."""

    controls: list[Mutant] = []
    mutants: list[Mutant] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Registry:
        names = [mutant.name for mutant in [*self.controls, *self.mutants]]
        twice = next((name for i, name in enumerate(names) if name in names[:i] or name in ("sft", "dpo")), None)
        if twice:
            raise ValueError(f"the name '{twice}' is taken")
        if any(m.asked_by_name for m in self.mutants) and self.unmutated is None:
            raise ValueError("asked_by_name needs a control with scale: 1.0, which answers by name too")
        for mutant in self.mutants:
            if not mutant.expected:
                raise ValueError(f"mutant '{mutant.name}' expects no requirement to turn red")
            if mutant.reference not in ("sft", "dpo", *(c.name for c in self.controls)):
                raise ValueError(
                    f"mutant '{mutant.name}' refers to '{mutant.reference}', which is no model and no control"
                )
        return self

    @property
    def unmutated(self) -> Mutant | None:
        """The control that is the fine-tuned model itself: what it says to prompts that stand in no suite."""
        return next((control for control in self.controls if control.recipe.scale == 1.0), None)


def load(path: str | Path, requirements: Mapping[str, Requirement]) -> Registry:
    """Read ``mutants.yaml``.

    Raises:
        LabError: it cannot be read, does not fit, or expects an unknown requirement.
    """
    try:
        found = Registry.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise LabError(str(path), f"is no YAML ({' '.join(str(error).split())})", "mend the file") from error
    except ValidationError as error:
        raise LabError(str(path), explain(error), "write it like data/samples/support/mutants.yaml") from error
    for mutant in found.mutants:
        unknown = next((name for name in mutant.expected if name not in requirements), None)
        if unknown:
            raise LabError(f"{path} {mutant.name}", f"requirement '{unknown}' is unknown", "correct 'expected'")
    return found
