"""The documents the engine itself writes: previews, progress, refusals. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bot.context import Asker, Plan, Weight
from bot.errors import OnpremError, sentence
from bot.render.document import (
    Actions,
    Button,
    Document,
    Element,
    Inline,
    Mono,
    Note,
    Person,
    Progress,
    Step,
    Strong,
    Table,
    Text,
    Title,
    When,
    marked,
)

_MENTION = re.compile(r"<@([A-Z0-9]+)>")


def failure(error: OnpremError, reference: str = "") -> Document:
    """One sentence about what failed, why and what to do, with the id that finds the log."""
    return Document.of(
        Title(f"{error.what}", tone="bad"),
        Text(marked(sentence(error.why))) if error.why else None,
        Text(marked(sentence(error.hint))) if error.hint else None,
        Note.of("Reference ", Mono(reference)) if reference else None,
    )


def asked(asker: Asker, text: str, request_id: str, at: int) -> Note:
    """Who asked for what, under which id."""
    return Note.of(
        Person(asker.actor, asker.name),
        " asked ",
        *_typed(text, asker.actor),
        " ",
        When(at),
        " · job ",
        Mono(request_id),
    )


def _typed(text: str, actor: str) -> Iterable[Inline]:
    """A command as it was typed; people whom it mentions are mentioned again."""
    team = actor.rpartition("/")[0]
    for number, part in enumerate(_MENTION.split(text)):
        if number % 2:
            yield from (" ", Person(f"{team}/{part}", f"@{part}"), " ")
        elif part.strip():
            yield Mono(part.strip())


def preview(plan: Plan) -> tuple[Element, ...]:
    """What is → what will be, with warnings first in weight."""
    rows = tuple((c.what, c.before or "–", c.after or "–") for c in plan.changes)
    warnings = tuple(Note(marked(text), "warn") for text in plan.warnings)
    table = (Table(("what", "now", "then"), rows),) if rows else ()
    return (*table, *warnings, *(plan.details.elements if plan.details else ()))


def waiting(plan: Plan, weight: Weight, note: Note, expires: int) -> Document:
    """Asks for the decision that the plan or the policy wants."""
    if weight is Weight.TYPE:
        go = Button("Go on …", "type", typed=plan.typed, style="danger")
        ask = Text.of("To go on, confirm by typing ", Strong(plan.typed), ".")
    else:
        go = Button("Go on", "confirm", style="primary")
        ask = Text.of("Go on?")
    return Document.of(
        Title(f"{plan.summary}?"),
        *preview(plan),
        ask,
        Actions((go, Button("Leave it", "dismiss"))),
        note,
        Note.of("This question expires ", When(expires), "."),
    )


def running(summary: str, steps: Iterable[Step], note: Note, cancelling: str = "") -> Document:
    """The live state of an operation."""
    return Document.of(
        Title(summary, tone="plain"),
        Progress(tuple(steps)),
        Note.of(f"Stopping: {cancelling}", tone="warn")
        if cancelling
        else Actions((Button("Cancel", "cancel"),)),
        note,
    )


def ended(document: Document, steps: Iterable[Step], note: Note, took: float) -> Document:
    """The final state: the command's own view, what was done, who asked."""
    lines = tuple(steps)
    return Document.of(
        *document.elements,
        Progress(lines) if lines else None,
        note,
        Note.of(f"Took {took:.1f} s" if took < 90 else f"Took {took / 60:.1f} min"),
    )


def cancelled(summary: str, by: str, steps: Iterable[Step], left: str = "") -> Document:
    """What was done, and what was not, when somebody stopped an operation.

    Args:
        summary: Of the operation.
        by: Who stopped it.
        steps: As far as it came.
        left: What became of it elsewhere, or goes on there all the same, a sentence.
    """
    lines = tuple(steps)
    done = [s.name for s in lines if s.state in ("done", "skipped")]
    cut = [s.name for s in lines if s.state in ("running", "failed")]
    return Document.of(
        Title(f"Cancelled: {summary}", tone="warn"),
        Text.of(f"Stopped by {by}." if by else "Stopped."),
        Text.of("Done: ", ", ".join(done) or "nothing", "."),
        Text.of("Cut off: ", ", ".join(cut), ".") if cut else None,
        Text.of("What came after was not begun."),
        Note(marked(sentence(left)), tone="warn") if left else None,
    )


def queued(summary: str, note: Note) -> Document:
    """An operation that will run when others on its cluster have ended."""
    return Document.of(
        Title(summary),
        Text.of("It waits for its turn: many operations run on this cluster now."),
        Actions((Button("Cancel", "cancel"),)),
        note,
    )


def closed(title: str, by: Asker | None, note: Note, *extra: Element) -> Document:
    """A question that needs no answer any more; the buttons are gone."""
    who = Text.of("Decided by ", Person(by.actor, by.name), ".") if by else None
    return Document.of(Title(title), *extra, who, note)


def reopened(summary: str) -> Document:
    """A question that was answered just before the bot stopped, and is open again."""
    return Document.of(
        Title(f"Please decide again: {summary}", "warn"),
        Text.of("The bot was stopped before it could act on the answer. Nothing was changed."),
        Text.of("The buttons of the question work again."),
    )


def dry_run(plan: Plan) -> Document:
    """What would happen, with nothing asked and nothing done."""
    return Document.of(
        Title(plan.summary), *preview(plan), Note.of("Dry run: nothing was changed.")
    )


def said(text: str) -> Document:
    """One plain sentence."""
    return Document.of(Title(text))


def difference(before: Mapping[str, Any], plan: Plan) -> tuple[Table, ...]:
    """What was shown beside what would happen now."""
    shown = {what: f"{old} → {new}" for what, old, new in before.get("changes", ())}
    now = {c.what: f"{c.before} → {c.after}" for c in plan.changes}
    rows = tuple(
        (what, shown.get(what, "–"), now.get(what, "–"))
        for what in {**shown, **now}
        if shown.get(what) != now.get(what)
    )
    return (Table(("what", "as shown", "as it is now"), rows),) if rows else ()
