"""Verbs of the command line, one module each.

A module here defines ``verbs``, a :class:`typer.Typer`; :mod:`labkit.cli` finds and adds it. A nameless Typer adds its
commands at the top (``labkit gate``), a named one adds a group (``labkit train sft``). A verb returns its exit code
(nothing means 0), raises :class:`labkit.LabError` for input it cannot use, and imports what it needs inside itself,
so that ``labkit --help`` stays quick.
"""
