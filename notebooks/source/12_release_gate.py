# %% [markdown]
# # 12 Release gate
# `QA fine-tuning lab` `notebook 12 of 12` `CPU or GPU` `answers come from notebooks 01, 06 and 08`
#
# You have requirements, cases, answers and verdicts. Now somebody asks: *can it go live?* A gate answers by rules that were
# written down before the results were known. A person signs, and may overrule the gate, but never silently.
#
# **Objectives.** After this notebook you can
#
# - trace every requirement to training rows, cases and results, and find what hangs in the air
# - read a release policy aloud and apply it by hand
# - explain each item of the gate's decision with its n and its interval
# - hand over evidence: JUnit for the pipeline, a report for people, defect reports for the tracker, a model card for the auditor
# - sign a go or a no-go, with a written reason against the gate
#
# **QA parallel.** The test summary report and the release meeting, with exit criteria, known defects, residual risk and a
# signature. Only the thing under test is new.
#
# **Time.** About 30 minutes. Models that have not been trained or have not answered yet do so in the cells below, which takes
# a few minutes each on a laptop without GPU; after the earlier notebooks everything here takes seconds.

# %%
from labkit import plots
from labkit.lesson.course import Course
from labkit.lesson.exercises import ____, answer_or_reference, attempted, exercises
from labkit.lesson.nb12 import QUIZ, REFERENCE_REASON, further_rules, practice_desk, practice_matrix
from labkit.lesson.table import Table

tasks, course = exercises("12"), Course()  # on your own material: Course(folder="my-materials")

# %% [markdown]
# ## 1. Traceability: what hangs in the air?
#
# A requirement without a case is untested. A case without a requirement tests what nobody asked for. A training row without
# a requirement teaches what nobody asked for. All three are *orphans*, and a matrix finds them. First a small one by hand:

# %%
small = practice_matrix()
print("cases: A-1, A-2 (of R1), B-1 (of R2), D-1 (of R4), X-1 (of R7); results: A-1, A-2, D-1")
Table(
    {key: row[key] for key in ("requirement", "severity", "examples", "cases", "judged", "passed")}
    for row in small.table()
)

# %%
orphans = tasks.orphans
orphans.card()

# %%
my_orphans = ____
orphans.check(my_orphans)  # orphans.hint(), orphans.solution()

# %% [markdown]
# Now the product. *Risk* is likelihood times impact; the riskiest of each severity stand first. The results are those of the
# aligned model.

# %% tags=["nbval-ignore-output"]
matrix = course.matrix("dpo")
Table({key: cell for key, cell in row.items() if key != "text"} for row in matrix.table())

# %%
print("orphans:", {what: len(ids) for what, ids in matrix.orphans.items()} or "none, in either direction")
for what, ids in matrix.orphans.items():
    print(f"{what}: {', '.join(ids[:5])}")

# %% [markdown]
# The same look at all three sample domains, before any model has answered. For *knowledge* and *decision* the rows are the
# raw ones of notebook 02, with their planted defects. A requirement without a row is a question, not yet a defect: does anything
# teach the model to meet it?

# %%
from labkit.lesson.domains import loose_ends

loose_ends()

# %% [markdown]
# One more thing must hold before any result counts: the held-out cases must not be among the training rows, nor nearly so. A
# model that has seen the exam proves nothing. The gate calls this **independence**, and a leaked case is a no-go.

# %%
print(course.independence().sentence)

# %% [markdown]
# ## 2. The policy, read aloud
#
# The gate's rules are a file. They were agreed on before the first result, and they change in a review of their own: a
# threshold chosen after the measurement is always met. Read it aloud, comments included; if somebody in the room objects, now
# is the time.

# %%
print((course.folder / "gate.yaml").read_text())

# %% [markdown]
# | severity | rule | why |
# |---|---|---|
# | critical | no failure, and enough seed cases | one leaked address is one too many; six cases prove little |
# | major | the interval above a floor, or the rate at a target | a rate from ten cases is a guess with a decimal point |
# | minor | reported | it informs, it does not block |
# | all facts | no worse than the model before, within a margin | a gain in style must not be paid in facts |
# | style | the candidate wins more than it loses | otherwise why change? |
# | independence | no case stands among the training rows | a model that has seen the exam proves nothing |
# | coverage | so many seed cases and rows a requirement | an average hides the requirement that nobody tests |
#
# The last two judge the *evidence*, not the model. So do the two rules that the file leaves off, because they need evidence
# that the lab's tour does not make. The **flip rate** asks the candidate twice: how many verdicts change by themselves? The
# **mutation score** asks the suite: how many models that were broken on purpose does it find (notebook 10)? The table below
# shows what the gate says of such evidence, and names where its figures come from.

# %% tags=["nbval-ignore-output"]
further_rules()

# %% [markdown]
# A rule that the file asks for and nobody brings evidence for is not skipped: `labkit gate` ends with exit code 2, as for
# stale or broken evidence. 0 is go, 1 no-go, 3 inconclusive.

# %%
outcomes = tasks.outcomes
outcomes.card()

# %%
my_outcomes = {"R1": ____, "R2": ____, "R3": ____, "R4": ____, "R5": ____, "R6": ____}
outcomes.check(my_outcomes)  # outcomes.hint(), outcomes.solution()

# %% [markdown]
# ## 3. The decision
#
# The candidate is the aligned model, the baseline is the fine-tuned one it would replace. Each rule gives one sentence with
# its numbers. The worst sentence decides: a no-go beats an inconclusive, which beats a go.

# %% tags=["nbval-ignore-output"]
decision = course.decision(candidate="dpo", baseline="sft")
print(decision.text())

# %% [markdown]
# Whatever it says, read it as a tester would:
#
# - A **no-go** names what is broken. That is a work list: more or better rows for that requirement (notebook 06 on), not a
#   lower threshold.
# - An **inconclusive** names how many cases are missing. That is a work list too, for you.
# - A **go** says that the agreed rules are met. It does not say that the model is good at anything the suite does not test.

# %% tags=["nbval-ignore-output"]
plots.requirement_rates(course.verdicts("dpo"), floor=0.6)

# %% [markdown]
# ## 4. The evidence
#
# First the matrix once more, now with its last link: requirement, training rows, cases, results, **decision**.

# %% tags=["nbval-ignore-output"]
chain = ("requirement", "severity", "examples", "cases", "passed", "judged", "decision")
Table({key: row[key] for key in chain} for row in course.matrix("dpo", decision).table())

# %% [markdown]
# People get a report, pipelines get JUnit. The report is one HTML file that opens offline and prints: decision, requirements,
# before and after, every failure with prompt and answer, and the hashes of what made them.

# %% tags=["nbval-ignore-output"]
report = course.report()
print(f"open in a browser: {report}")
for file in sorted(report.parent.iterdir()):
    print(f"  {file.name}: {file.stat().st_size / 1024:.0f} KB")

# %% [markdown]
# JUnit is what every CI server reads. Requirement, severity and technique travel as properties of each test case, so that a
# red build names the requirement.

# %% tags=["nbval-ignore-output"]
lines = (report.parent / "junit.xml").read_text().splitlines()
print("\n".join(lines[:10]))

# %% [markdown]
# And `defects.md` holds a **defect report** for each seed case that fails, ready for the tracker: the smallest failing prompt,
# what was expected, what came, how often, the hashes of model and suite, and the commands that show it again. Here is the
# first, which is the most severe.

# %% tags=["nbval-ignore-output"]
print((report.parent / "defects.md").read_text().split("## DEF-02")[0])

# %% [markdown]
# **Lineage** answers the auditor: which raw rows, under which licence, made this model? The lab's ledger knows, by content and
# not by file name. Read it from the bottom up.

# %% tags=["nbval-ignore-output"]
from labkit.home import lineage

for model in (course.dpo(), course.sft()):
    print(lineage(course.home, model.folder).text(), end="\n\n")

# %% [markdown]
# A **model card** is the leaflet in the box: what it is for, what it learned from, what it cannot do. The form is Hugging
# Face's template, which model hubs read. The known limits come from the gate, so nobody can forget them; and what nobody has
# filled in is listed at the end as a **gap**, so that nobody takes an empty field for an answer.

# %% tags=["nbval-ignore-output"]
from labkit.files import write_text
from labkit.release import card
from labkit.release.sign import sign, standing

purpose, not_for = "answers customers of the Tallgrove shop", "advice on health, law or taxes"
page = card.text(course.dpo().manifest, decision, purpose, standing(course.home), out_of_scope=not_for, language="en")
write_text(course.home / "release" / "model_card.md", page)
for name in ("Out-of-Scope Use", "Bias, Risks, and Limitations", "Training Data", "Gaps"):
    print(f"{name}\n{card.section(page, name)}\n")

# %% [markdown]
# ## 5. A person signs
#
# The gate recommends. A person with a name answers for the release. Three rules make that signature worth something:
#
# 1. It names **one decision**, by hash. When the decision changes, the signature no longer holds.
# 2. A go **against** the gate needs a written reason.
# 3. Signatures are added, never replaced.
#
# Practise on a decision that is not yours: this gate says no-go. Somebody is in a hurry and signs go.

# %%
from labkit import LabError

home, practice = practice_desk()
print(practice.text())
try:
    sign(home, practice, name="Somebody in a hurry", word="go", reason="looks fine")
except LabError as refused:
    print("\nRefused:", refused)

# %%
reason = tasks.reason
reason.card()

# %%
my_reason = ____
reason.check(my_reason)  # reason.hint(), reason.solution()

# %% [markdown]
# With a reason it can be signed, and the log keeps who overruled what, and why.

# %%
why = answer_or_reference(my_reason, REFERENCE_REASON)
print(sign(home, practice, name="A. Tester", word="go", reason=why))

# %% [markdown]
# ## 6. Your signature
#
# Now the real one. Open the report, read the failures, then write your name and your word: `"go"` or `"no-go"`. Nobody does
# this for you, so when the notebook runs by itself the decision stays unsigned.

# %% tags=["nbval-ignore-output"]
my_name, my_word, my_why = ____, ____, ""

if attempted([my_name, my_word]):
    sign(course.home, decision, my_name, my_word, my_why)
print(standing(course.home) or f"Unsigned. The gate says {decision.outcome}; without a name nothing is released.")

# %% [markdown]
# ## Recap
#
# - We traced requirements to rows, cases and results, and looked for orphans in both directions.
# - We read the policy aloud and applied it by hand before we let the gate do it.
# - We read each item of the decision with its n and its interval, and knew what to do about it.
# - We handed over JUnit, report, defect reports, lineage and a model card that names its gaps.
# - We signed a decision by its hash, and against the gate only with a written reason.

# %% [markdown]
# ## Quiz

# %%
QUIZ[0].ask()
QUIZ[0].answer(____)

# %%
QUIZ[1].ask()
QUIZ[1].answer(____)

# %%
QUIZ[2].ask()
QUIZ[2].answer(____)

# %% [markdown]
# **What comes next:** the next release. A deployed model meets customers whom no suite has thought of; their questions become
# rows, cases and changed requirements, and this gate is asked again.
