"""Figures: the numbers behind them, the lines that describe them, and how they are shown."""

import base64
import io
import math

import pytest

from labkit import LabError, plots
from labkit.plots import style
from labkit.records import Verdict


def verdict(
    case: str, passed: bool, model: str = "sft", requirement: str = "REQ-1", severity: str = "major"
) -> Verdict:
    return Verdict(
        case_id=case,
        requirement=requirement,
        severity=severity,
        technique="MFT",
        cluster=case,
        model=model,
        passed=passed,
        score=float(passed),
        message="m",
    )


def run(model: str, passed: int, n: int = 10, **more: str) -> list[Verdict]:
    return [verdict(f"c{i:02d}", i < passed, model, **more) for i in range(n)]


def drawn(plot: plots.Plot) -> str:
    return plot.figure.to_json()


def test_requirement_rates_hold_wilson_intervals_by_severity() -> None:
    major = [verdict(f"a{i}", i < 9) for i in range(10)]
    critical = [verdict(f"b{i}", True, requirement="REQ-9", severity="critical") for i in range(12)]
    plot = plots.requirement_rates(major + critical, floor=0.6)
    first, second = plot.table()
    assert (first["requirement"], first["severity"], first["passed"], first["n"]) == ("REQ-9", "critical", 12, 12)
    assert second["rate"] == 0.9 and second["low"] == pytest.approx(0.5958, abs=1e-4)
    assert first["above"] is True and second["above"] is False
    notes = " ".join(note.text for note in plot.figure.layout.annotations)
    assert "9/10" in notes and "12/12" in notes and "floor 60%" in notes
    assert 3 <= len(plot.text().splitlines()) <= 5
    assert "Interval reaches below it: REQ-1." in plot.text()


def test_requirement_rates_draw_what_the_table_says() -> None:
    plot = plots.requirement_rates(run("sft", 4))
    (trace,), (row,) = plot.figure.data, plot.table()
    assert trace.x[0] == row["rate"] == 0.4
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(row["high"])
    assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(row["low"])


def test_rates_refuse_nothing_and_mixed_models() -> None:
    with pytest.raises(LabError, match="no verdicts"):
        plots.requirement_rates([])
    with pytest.raises(LabError, match="2 models"):
        plots.requirement_rates(run("sft", 1) + run("dpo", 1))


def test_before_after_has_one_row_a_requirement_and_model() -> None:
    plot = plots.before_after({"base": run("base", 1), "sft": run("sft", 9), "dpo": run("dpo", 7)})
    rates = {(row["requirement"], row["model"]): row["rate"] for row in plot.table()}
    assert rates["REQ-1", "base"] == 0.1 and rates["REQ-1", "dpo"] == 0.7 and rates["all cases", "sft"] == 0.9
    assert "Lost: REQ-1 (9 to 7 of 10)." in plot.text()
    assert "No requirement gained from sft to dpo." in plot.text()


def test_before_after_refuses_other_cases() -> None:
    with pytest.raises(LabError, match=r"dpo: did not answer the same cases as sft \(e.g. c09"):
        plots.before_after({"sft": run("sft", 5), "dpo": run("dpo", 5, n=9)})


def test_before_after_stays_small_enough_for_a_notebook() -> None:
    models = {
        m: [verdict(f"r{r}-{i}", i < 5, m, f"REQ-{r:02d}") for r in range(16) for i in range(10)]
        for m in ("base", "sft", "dpo")
    }
    assert len(drawn(plots.before_after(models))) < 20_000


def test_flips_tell_gains_from_losses() -> None:
    after = [verdict(f"c{i:02d}", i in (0, 5), "dpo") for i in range(10)]
    plot = plots.flips(run("sft", 2), after)
    states = {row["case"]: row["state"] for row in plot.table()}
    assert (states["c00"], states["c01"], states["c05"], states["c09"]) == ("pass", "lost", "gained", "fail")
    assert plot.text().splitlines()[0] == "sft to dpo: 10 cases, 1 gained, 1 lost, 1 passed by both, 7 failed by both."
    assert {trace.name for trace in plot.figure.data} == {
        "gained (1)",
        "lost (1)",
        "passed by both (1)",
        "failed by both (7)",
    }


def test_training_curves_say_when_the_model_overfits() -> None:
    log = [{"step": i, "loss": 3 / i} for i in range(1, 41)]
    log += [{"step": 10, "eval_loss": 1.0}, {"step": 20, "eval_loss": 0.8}, {"step": 40, "eval_loss": 1.2}]
    plot = plots.training_curves([*log, {"step": 40, "train_runtime": 3.0}])
    assert "lowest at step 20 (0.800) and rose" in plot.text()
    assert len(plot.table()) == 43
    calm = plots.training_curves(
        [{"step": 1, "loss": 2.0, "eval_loss": 2.0}, {"step": 9, "loss": 1.0, "eval_loss": 1.1}]
    )
    assert "no sign of overfitting" in calm.text()


def test_a_broken_run_is_named_and_still_drawn() -> None:
    plot = plots.training_curves([{"step": 1, "loss": 2.0}, {"step": 2, "loss": math.nan}])
    assert "Not a number at step 2" in plot.text()
    assert list(plot.figure.data[0].y) == [2.0]
    assert (
        plots.training_curves([{"step": 1, "loss": math.nan}]).text() == "Not a number at step 1: the run broke there."
    )


def test_training_curves_refuse_a_foreign_log() -> None:
    with pytest.raises(LabError, match="holds no 'loss'"):
        plots.training_curves([{"step": 1, "accuracy": 1.0}])


@pytest.mark.parametrize(
    ("margin", "chosen", "rejected", "said"),
    [
        (2.0, -70.0, -90.0, "both log-probabilities fell"),
        (2.0, -50.0, -90.0, "not by pushing both"),
        (-0.1, -60.0, -60.0, "taught no preference"),
    ],
)
def test_dpo_curves_judge_the_margin_by_its_parts(margin: float, chosen: float, rejected: float, said: str) -> None:
    start = {"step": 1, "rewards/margins": 0.0, "logps/chosen": -60.0, "logps/rejected": -62.0}
    end = {"step": 30, "rewards/margins": margin, "logps/chosen": chosen, "logps/rejected": rejected}
    plot = plots.dpo_curves([start, end])
    assert said in plot.text()
    assert [list(t.y) for t in plot.figure.data] == [[0.0, margin], [-60.0, chosen], [-62.0, rejected]]


def test_a_model_keeps_its_colour_and_the_three_differ() -> None:
    assert plots.colour("sft") == plots.colour("runs/sft-2") == plots.colour("SFT")
    assert len({plots.colour(m) for m in ("base", "sft", "dpo", "kto", "reward")}) == 5
    assert plots.colour("mine") == plots.colour("mine")


def test_a_model_name_cannot_add_markup() -> None:
    plot = plots.requirement_rates(run("<a href='x'>x</a>", 3))
    assert "<a" not in plot.figure.layout.title.text
    assert "&lt;a" in plot.figure.layout.title.text


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(style, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    return shown


def test_show_gives_the_figure_its_png_and_the_text(notebook, monkeypatch, capsys) -> None:
    monkeypatch.setattr(style, "_png", lambda figure: b"png")
    plot = plots.requirement_rates(run("sft", 3))
    plot.show()
    (bundle,) = notebook
    assert base64.b64decode(bundle["image/png"]) == b"png"
    assert bundle["application/vnd.plotly.v1+json"]["data"]
    assert capsys.readouterr().out.strip() == plot.text()


def test_show_does_without_a_browser_and_tries_once(notebook, monkeypatch, capsys) -> None:
    calls = []

    def fails(*_: object, **__: object) -> bytes:
        calls.append(1)
        raise RuntimeError("no browser")

    monkeypatch.setattr(style, "_png_state", {"server": True, "broken": False})
    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", fails)
    plot = plots.requirement_rates(run("sft", 3))
    plot.show()
    plot.show()
    assert len(calls) == 1
    assert [set(bundle) for bundle in notebook] == [{"application/vnd.plotly.v1+json"}] * 2


def test_outside_a_notebook_only_the_text_is_printed(capsys) -> None:
    plot = plots.requirement_rates(run("sft", 3))
    plot.show()
    assert capsys.readouterr().out.strip() == plot.text()


def test_the_png_is_shrunk_and_stays_a_png() -> None:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.radial_gradient("L").convert("RGBA").save(out, "PNG")
    small = style._small(out.getvalue())
    assert small.startswith(b"\x89PNG") and len(small) < len(out.getvalue())
    assert image.open(io.BytesIO(small)).size == (256, 256)
