# %% [markdown]
# # 01 Why fine-tune?
# `QA fine-tuning lab` `notebook 01 of 12` `CPU or GPU` `requirements, cases, oracles`
#
# Before anybody trains anything, we write down what the assistant must do, in a form that a machine can check. Then we
# let the general model take the test. It should fail: a suite that nothing fails has not been shown to work.
#
# **Objectives.** After this notebook you can
#
# - decide when fine-tuning is the right tool, and when it is not
# - write a requirement for a language model that can fail, and rank it by risk
# - turn it into a case, and pick the oracle that judges it
# - say how much "no failure seen" proves, for a given number of cases
# - read the first, red result of the suite
#
# **QA parallel.** Test-first development: requirements, test design, and the red phase before the implementation.
#
# **Time.** About 30 minutes. At the end the model answers the whole suite: a few minutes on a laptop without GPU, once.

# %%
from labkit import plots
from labkit.lesson import nb01
from labkit.lesson.course import Course
from labkit.lesson.exercises import ____, answer_or_reference, exercises

tasks = exercises("01")
course = Course()  # on your own material: Course(folder="my-materials") or Course(data="my.jsonl")

# %% [markdown]
# ## When is fine-tuning the right tool?
#
# A general model can be steered in three ways. They are not rivals; many products use all of them.
#
# | tool | good for | weak at | in your trade |
# |---|---|---|---|
# | **prompting**: say it each time | quick trials, a few rules | long rules, firm formats, small models | a work instruction |
# | **retrieval**: look it up, put it into the prompt | facts that change, large manuals | tone, format | a manual at hand |
# | **fine-tuning**: train on examples | form, tone, stable policy, refusals | facts that change weekly | training a colleague |
#
# Tallgrove uses two of them. Retrieval brings the facts: the shop's search puts the fitting rule, or the state of an order
# (REQ-S08), into the prompt. Fine-tuning teaches the rest: answers of one form, firm refusals, when to call a colleague. That
# makes do with a model small enough for the shop's own machine, where no customer's message leaves the house.
#
# ## Requirements first

# %%
from labkit.lesson.table import Table

Table({"id": r.id, "severity": r.severity, "risk": r.risk, "text": r.text} for r in course.requirements.values())

# %% [markdown]
# Each can fail: it says *when* it applies and *what* can be observed in the answer. "Polite and helpful" is not among
# them, because two testers would not agree on it.
#
# **Risk = likelihood x impact**, each from 1 to 5. It orders the work: where there is more risk there are more cases. It
# does not decide about a release. That is the **severity**: what a single failure means.

# %%
ranked = sorted(course.requirements.values(), key=lambda r: -r.risk)
for r in ranked:
    print(f"{r.id}  {r.likelihood} x {r.impact} = {r.risk:2}  {'#' * r.risk:20} {r.severity}")

# %% [markdown]
# Look at the critical ones. Giving away somebody's address is rare (likelihood 2), so its risk is no higher than that of
# a wrong delivery fee. Yet one such answer is one too many: impact 5 makes it critical, and no average may hide it.
#
# **The rule line.** Above a customer's message stands one line in square brackets: what the shop's search has found, as in
# `[Rule: items can be returned within 45 days of delivery]`, `[Order TG-48213: packed, leaves on 14 May]`, or
# `[Rule: none]` when no rule fits. So the model need not know the shop's rules by heart, and a changed rule needs no new
# training; its task is to apply the rule, to say nothing else, and to know what to do when there is none. A task may be
# posed so that a small model can do it: that is design, not leniency, as long as what is expected stays the same. A message
# to be *routed* (REQ-S13) has no rule line; its answer is read by a machine and must be one JSON object, nothing else.
#
# Support is one of three sample domains. The others are *knowledge* (answers from a document that lies in the prompt) and
# *decision* (approve, refuse or refer, as JSON with a reason); notebooks 02 and 09 work on them, too. The form is the same
# everywhere: requirements with a risk and a severity, and cases that name them.

# %%
from labkit.lesson.domains import domains

domains()

# %%
write_requirement = tasks.write_requirement
write_requirement.card()

# %%
my_requirement = ____
write_requirement.check(my_requirement)  # write_requirement.hint(), write_requirement.solution()

# %% [markdown]
# ## A case is a requirement made executable
#
# A **case** names its requirement, the technique that produced it, the customer's words, and what is expected. It lies in
# a YAML file that a tester can read and review.

# %%
from labkit.lesson.show import cases

known = cases(course)
print(nb01.as_yaml(known.get("S01-05") or next(iter(known.values()))))

# %% [markdown]
# The rule line is part of what is *given*. Day 45 is the last day: a boundary, as in any test design. What is expected
# is not a sentence but a *fact*: the model may word it as it likes.
#
# ## Oracles: who says pass?
#
# An **oracle** decides whether an answer meets an expectation. Ours are plain code: the same answer gets the same verdict
# today, tomorrow and on your colleague's machine, and each verdict comes with a reason. Try one on
# hand-written answers, before any model is involved.

# %%
answers = [
    "You can return the kettle within 45 days of delivery.",
    "Sure! You have forty-five days from the day it arrives.",
    "Returns are possible within 30 days, and 45 days for members.",
    "Please see our website for the conditions.",
]
nb01.tried("facts", ["45 days"], answers)

# %% [markdown]
# `facts` reads typed values: a number with its unit, money, dates, order ids, in figures or in words. The third answer
# holds the right period *and a rival*: a customer would be misled, so it fails. Read the message: it is the sentence that
# goes into the defect report.
#
# Other requirements need other oracles. `decision` reads what the assistant decides to do:

# %%
answers = [
    "I cannot share another customer's address.",
    "I can't give out her details, but here is her street: Mill Lane.",
    "Of course, she lives in Mill Lane.",
]
nb01.tried("decision", "refuse", answers)

# %% [markdown]
# An answer that refuses and then complies is no refusal. And `equals_json` takes the routing apart; the same object in
# another order is the same, one friendly word around it is not:

# %%
answers = [
    '{"urgency": "low", "team": "returns"}',
    '{"team": "return", "urgency": "low"}',
    'Sure! {"team": "returns", "urgency": "low"}',
]
nb01.tried("equals_json", {"team": "returns", "urgency": "low"}, answers)

# %% [markdown]
# ### Why similarity is no oracle
#
# It is tempting to compare each answer with a reference text and to demand, say, 80% likeness. Look at what that would
# pass and what it would fail:

# %%
reference = "You can return the kettle within 45 days of delivery."
answers = [
    "You can return the kettle within 54 days of delivery.",
    "You cannot return the kettle within 45 days of delivery.",
    "Yes, for forty-five days from the day it arrives.",
]
nb01.similarity(reference, "45 days", answers)

# %% [markdown]
# The wrong number is nearly a perfect copy; the right paraphrase has little in common. No threshold sorts them. Measures
# of meaning (*embeddings*) blur the same digits, and a large model as a judge is a tester whose reliability must be
# measured first (09).
#
# The second row is a warning about oracles, too: it states the fact and *denies* the return. `facts` alone lets it pass.
# An oracle sees what it was made to see; notebook 09 puts the oracles themselves to the test.

# %%
pick_oracle = tasks.pick_oracle
pick_oracle.card()

# %%
my_oracles = {
    "states the refund period": ____,
    "hands an injury to a colleague": ____,
    "holds no telephone number": ____,
    "routes to exactly this team and urgency": ____,
    "is one JSON object with a team and an urgency": ____,
}
pick_oracle.check(my_oracles)  # pick_oracle.hint(), pick_oracle.solution()

# %% [markdown]
# ## How the suite is designed
#
# | technique | the question it asks |
# |---|---|
# | **MFT**, minimum functionality test | does it do the plain thing? |
# | **INV**, invariance | do typing errors or politeness leave the verdict as it was? |
# | **DIR**, directional | does a change of the prompt move the answer the right way? |
# | **boundary** | what about day 45, day 46, exactly 60 euros? |
# | **pairwise** | does it hold for combinations: each value of one factor meets each value of another at least once? |
# | **property** | does something hold for every answer, whatever it says? |
# | **adversarial** | what if somebody tries to talk it into something? |
# | **back-to-back** | do two sources of one answer agree, such as the model and the text block that it replaces? |
#
# MFT, INV and DIR are the three types of *CheckList*, a method for testing language models; the others you have used for
# years.

# %%
from labkit.lesson.domains import short_form, techniques, written_out

techniques()

# %% [markdown]
# Boundary tables, factors and variants have a short form in YAML, so that nobody writes three cases that differ in a number.
# It lies in `data/samples/support/techniques.yaml`; an editor that reads the schema in its first line completes the words.

# %%
print(short_form("TS-02"))

# %% [markdown]
# The loader writes it out, and each case is run and judged by itself:

# %%
written_out("TS-02")

# %% [markdown]
# They share one **seed**. Ten spellings of one question are not ten independent observations, and where we compute intervals
# they count as one family. That is why the first table counts *seed cases* beside cases.
#
# One more property matters more than all the others: no case may resemble a training row. Otherwise a model that learns
# rows by heart passes.

# %%
print(course.independence().sentence)

# %% [markdown]
# ## How much does "no failure" prove?
#
# A model may fail once in a hundred answers and still pass ten cases in a row. If *n* independent cases show
# **no failure**, these failure rates are still possible (with 95% confidence):

# %%
sizes = [5, 9, 29, 59, 299]
Table({"cases without a failure": n, "failure rate still possible": f"{nb01.still_possible(n):.0%}"} for n in sizes)

# %% [markdown]
# As a rule of thumb it is *3 / n*. So the number of cases is part of a requirement's evidence, and "all green" means
# something only together with it. What our suite can prove about the critical requirements:

# %%
for r in course.requirements.values():
    if r.severity == "critical":
        n = len({case.cluster for case in known.values() if case.requirement == r.id})
        print(f"{r.id}: {n} independent cases can exclude failure rates above {nb01.still_possible(n):.0%}")

# %% [markdown]
# That is enough for a lesson and a first gate, not for a million customers. The honest answer to "is that enough?" is the
# table above: choose the failure rate you must exclude, and read off how many cases it costs.

# %%
write_case = tasks.write_case
write_case.card()

# %%
my_case = ____
write_case.check(my_case)  # write_case.hint(), write_case.solution()

# %%
case = nb01.one_case(answer_or_reference(my_case, nb01.REFERENCE_CASE), course.requirements)
answers = ["It has a warranty of three years.", "It has a warranty of 2 years.", "Please ask the maker."]
nb01.judged_by_case(case, answers)

# %% [markdown]
# ## Red
#
# Now the general model takes the test. It answers each case once, always with the likeliest next piece of text (*greedy*
# decoding), so that a second run gives the same answers. This takes a few minutes on a laptop without GPU; the bar shows
# how far it is. The answers are kept, and judging them needs no model.

# %% tags=["nbval-ignore-output"]
from labkit.stats import wilson

verdicts = course.verdicts("base")
print("Passed by the general model:", wilson(sum(v.passed for v in verdicts), len(verdicts)))

# %% [markdown]
# The brackets hold the **confidence interval**: with so many cases, true pass rates in this range are compatible with
# what we saw. Now by requirement. The dashed line is the floor that the release gate asks for.

# %% tags=["nbval-ignore-output"]
plots.requirement_rates(verdicts)

# %% [markdown]
# How to read it:
#
# - The further left a dot, the redder. Long bars come from few cases, not from a bad model.
# - Where a requirement is *not* at zero, ask why before you rejoice. The rule stands in the prompt, and copying it out is
#   sometimes enough; a model that says little breaks few prohibitions; and a guess hits now and then.
# - The order on the left is by severity: the critical ones stand at the top whatever their rate.
#
# And the answers themselves: the lowest-scored failure of each requirement, the most severe first.

# %% tags=["nbval-ignore-output"]
from labkit.lesson.show import worst

worst(course, "base")

# %% [markdown]
# Read three of them aloud. How many sound sure of themselves, and does anything in their tone tell you that they are
# wrong? *Fluent, friendly and wrong* is the defect class of language models, and why the verdict comes from an oracle and
# not from an impression.
#
# **Red is good news.** The suite can tell a model that does not do what the requirements ask. When a tuned model turns
# it green, that will mean something.

# %% [markdown]
# ## Recap
#
# - We decided when fine-tuning is the right tool: form, tone, stable policy and refusals, not facts that change.
# - We wrote a requirement that can fail, and ranked the requirements by risk.
# - We turned one into a case, and picked the oracle that judges it.
# - We can say how much "no failure seen" proves for a number of cases: about 3 / n.
# - We read the first, red result of the suite, by requirement and answer by answer.

# %% [markdown]
# ## Quiz

# %%
nb01.QUIZ[0].ask()
nb01.QUIZ[0].answer(____)

# %%
nb01.QUIZ[1].ask()
nb01.QUIZ[1].answer(____)

# %%
nb01.QUIZ[2].ask()
nb01.QUIZ[2].answer(____)

# %% [markdown]
# **Next:** [06 Instruction tuning](06_instruction_tuning.ipynb). The training rows are ready in the samples; 02 to 05
# follow later and show how rows become fit for training. Now we turn red into green.
