"""The command line: one verb a stage, thin over the package.

Exit codes everywhere: 0 go, 1 no-go or findings above the limit, 2 invalid input or stale evidence, 3 inconclusive.
An interrupt gives 130 and a defect of labkit itself 70, so that neither is mistaken for a judgement.

The verbs of the stages live in :mod:`labkit.commands`, one module each.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from labkit import LabError, __version__, commands
from labkit.printable import plain

INVALID, DEFECT, INTERRUPTED = 2, 70, 130
START = Path("notebooks") / "00_start_here.ipynb"

app = typer.Typer(
    name="labkit",
    help="The QA fine-tuning lab. Exit codes: 0 go, 1 no-go, 2 invalid input or stale evidence, 3 inconclusive.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        print(f"labkit {__version__}")
        raise typer.Exit


@app.command()
def doctor() -> int:
    """Look at this machine and say what to mend. Ends with 0 when the lab can run, with 1 when it cannot."""
    from labkit.lesson.doctor import doctor as examine

    report = examine()
    print(report.text())
    return 0 if report.ok else 1


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> int:
    """Open JupyterLab on the first notebook. Further arguments go to JupyterLab, as in 'labkit lab --port 9000'."""
    from importlib.util import find_spec

    roots = (Path.cwd(), Path(__file__).parent.parent)
    start = next((root / START for root in roots if (root / START).exists()), None)
    if start is None:
        raise LabError(str(START), "is not here", "go to the folder you cloned, or make it with 'make notebooks'")
    if find_spec("jupyterlab") is None:
        raise LabError("JupyterLab", "is not installed in this environment", "run 'make lab'")
    if os.name == "posix" and os.geteuid() == 0 and "--allow-root" not in context.args:
        mend = "work as another user, or in a container of your own say LAB_ARGS=--allow-root make lab"
        raise LabError("JupyterLab", "does not start for the user root", mend)
    command = [sys.executable, "-m", "jupyterlab", str(start), *context.args]
    sys.stdout.flush()
    if os.name == "posix":  # become JupyterLab, so that Ctrl-C reaches its own "shut down?" question
        os.execv(sys.executable, command)
    import subprocess

    return subprocess.call(command)


@app.command()
def lineage(
    file: Annotated[Path, typer.Argument(help="A file or folder; looked up in the lab's home when it is not here.")],
    home: Annotated[Path | None, typer.Option(help="The lab's home; LAB_HOME or ./lab-home by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which raw rows, under which licence, made this file."""
    from labkit.home import Home, default_home
    from labkit.home import lineage as trace

    folder = home or default_home()
    if not folder.is_dir():  # asking must not make one
        raise LabError(str(folder), "is no lab home", "name the lab's home with --home, or run a stage first")
    found = trace(Home(folder), file)
    print(found.model_dump_json(indent=2) if as_json else plain(found.text(), lines=True))


@app.command()
def schema(
    name: Annotated[str | None, typer.Argument(help="A contract; without it, their names are listed.")] = None,
) -> None:
    """Print the JSON Schema of one of the lab's record types, or of a suite file."""
    import json

    from labkit.evaluation.schema import suite_schema
    from labkit.records import CONTRACTS

    makers = {key: contract.model_json_schema for key, contract in CONTRACTS.items()} | {"suite": suite_schema}
    if name is None:
        print("\n".join(makers))
    elif name.lower() in makers:
        print(json.dumps(makers[name.lower()](), indent=2))
    else:
        raise LabError(name, "is no contract of the lab", f"choose one of {', '.join(makers)}")


for _module in pkgutil.iter_modules(commands.__path__):
    app.add_typer(importlib.import_module(f"{commands.__name__}.{_module.name}").verbs)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; what :func:`main` does without leaving Python."""
    try:
        code: Any = app(args=arguments, standalone_mode=False)
        if code == INTERRUPTED:  # what typer makes of Ctrl-C
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except LabError as error:
        return _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        print("labkit: stopped; what was finished is kept", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        return _complain(f"{error.filename or 'system'}: {error.strerror or error}")
    except Exception as error:
        if isinstance(error, typer.BadParameter.__mro__[2]):  # a usage error of any kind
            error.show()  # type: ignore[attr-defined]
            return INVALID
        traceback.print_exc()
        print("labkit: this is a defect; please report it with the output of 'labkit doctor'", file=sys.stderr)
        return DEFECT


def _complain(sentence: str) -> int:
    print(f"labkit: {plain(sentence)}", file=sys.stderr)
    return INVALID


def main() -> None:
    """Entry point of the ``labkit`` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a narrow terminal encoding must not end a run
            stream.reconfigure(errors="replace")
    sys.exit(run())


if __name__ == "__main__":
    main()
