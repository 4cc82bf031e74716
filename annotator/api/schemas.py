"""The shape of what the API answers."""

from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field


class Problem(Schema):
    """What was wrong, for a person to read."""

    detail: str


class BudgetOut(Schema):
    """Answers: the limit (null: none), those paid, and those reserved for items shown now."""

    limit: int | None
    settled: int
    reserved: int


class RoundOut(Schema):
    """One round. Accuracy is measured on the audit's reporting half; null below 30 answers. Times are UTC."""

    number: int
    state: str = Field(description="queued, running, done or failed")
    cause: str
    strategy: str = Field(description="as configured")
    used_strategy: str = Field(description="as used: coverage before there is a model")
    head: str = Field(description="the model that was trained: linear, mlp or network; empty where there was none")
    sequence: int = Field(description="the last annotation that the round saw")
    labels_used: int
    issues_found: int
    calibration_error: float | None = Field(
        description="expected, 0 to 1: how far certainty is from being right, on labels that the model had not seen"
    )
    audit_answered: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    started_at: datetime | None
    finished_at: datetime | None


class ChecksOut(Schema):
    """Labels confirmed in bulk, apart from the budget; of those asked again, blind, how many were right."""

    certified: int
    checked: int
    right: int
    low: float = Field(description="of the share that is right: 95 % interval, 0 to 1")
    high: float


class ProjectOut(Schema):
    """A project: its labels in the order of their keys, counts, and rounds from first to last."""

    slug: str
    name: str
    kind: str
    state: str
    labels: list[str]
    item_count: int
    sequence: int = Field(description="of the latest annotation")
    budget: BudgetOut
    certified: ChecksOut
    rounds: list[RoundOut]


class AnnotationOut(Schema):
    """One person's answer, as it was given. Undone and late ones are here too; `current` tells what stands."""

    sequence: int
    annotator: str = Field(description="a pseudonym, the same throughout the project")
    outcome: str = Field(description="label, out_of_scope, skipped or undone")
    label: str | None
    source: str = Field(description="answer, review or import")
    current: bool
    late: bool
    paid: bool
    seconds: float | None
    created_at: datetime
    query: int | None
    round: int | None
    strategy: str | None
    draw: str | None = Field(
        description="ranked, sampled, random, audit, check (of a label confirmed in bulk) or review"
    )
    score: float | None
    rank: int | None
    probability: float | None = Field(description="of this draw at its step, given the earlier ones; null if ranked")
    step: int | None
    pool_size: int | None


class CertifiedOut(Schema):
    """A label that the model proposed and a person confirmed in bulk, among others. It never trains."""

    label: str
    annotator: str = Field(description="who confirmed it: a pseudonym, the same throughout the project")
    at: datetime
    round: int = Field(description="whose model proposed it")
    confidence: float = Field(description="the model's, 0 to 1")
    precision: float = Field(description="at least, of labels as sure: lower 95 % bound, 0 to 1")
    checked: bool = Field(description="whether the item was asked again, blind")
    overruled: bool = Field(description="whether the item's label is another one by now, as answers win")


class IssueOut(Schema):
    """An annotation that looked wrong; a null label stands for out of scope."""

    given: str | None
    expected: str | None
    cause: str = Field(
        description="model: it doubts the answer; novelty, new_label: there was no such label when it was given"
    )
    quality: float | None = Field(
        description="out-of-fold probability of the given label, 0 to 1; null where no model doubts it"
    )
    state: str = Field(description="open, confirmed, corrected or dismissed")
    round: int


class LabelRow(Schema):
    """One item with its resolved label, and where that came from."""

    id: str = Field(description="the id that the item came with")
    content: Any = Field(description="the text, the table row, or the image's path")
    label: str | None
    outcome: str | None = Field(description="label, out_of_scope, or null if no answer stands")
    confidence: float | None = Field(description="in the resolved label, 0 to 1")
    confidence_source: str | None = Field(
        description="votes, model (votes and model together), review, or certified (confirmed in bulk)"
    )
    audit: str | None = Field(description="choices or reporting for audit items, which never train")
    fold: int
    round: int | None
    strategy: str | None
    draw: str | None = Field(description="of the answer that gave the label; certified where it was confirmed in bulk")
    probability: float | None
    annotations: list[AnnotationOut]
    certified: CertifiedOut | None
    label_issues: list[IssueOut]
