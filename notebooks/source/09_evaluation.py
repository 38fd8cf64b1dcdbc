# %% [markdown]
# # 09 Evaluation
# `QA fine-tuning lab` `notebook 09 of 12` `CPU or GPU` `answers come from notebooks 01, 06 and 08`
#
# Three models have answered your suite. Before you believe the numbers, test what makes them: the oracles. Then compare the
# models, with intervals, and read every failure as what it is, a defect report.
#
# **Objectives.** After this notebook you can
#
# - show which oracle kills which kind of wrong answer, and which kinds nobody kills
# - say why similarity to a reference answer must never decide a gate
# - close a gap in a suite and prove that it is closed
# - compare three models with intervals, on paired cases and by clusters
# - say how many cases a claim needs before you make it
#
# **QA parallel.** *Mutation testing*: you spoil the product on purpose and see whether the tests notice. Here the product is an
# answer and the test is an oracle. After that it is an ordinary test report, with a sample size.
#
# **Time.** About 40 minutes. The first half needs no model and runs in seconds. The second half reads recorded answers; a
# model that has not answered the suite yet does so now, which takes a few minutes each on a laptop without GPU.

# %%
from labkit import plots
from labkit.lesson import nb09
from labkit.lesson.course import MODELS, Course
from labkit.lesson.exercises import ____, answer_or_reference, exercises
from labkit.lesson.table import Table

tasks, course = exercises("09"), Course()  # on your own material: Course(folder="my-materials")

# %% [markdown]
# ## 1. An oracle is a test, so test it
#
# An **oracle** says whether an answer meets an expectation. It can err in two ways: it lets a wrong answer pass, or it stops a
# right one. We measure both. The right answers come from the training rows, each paired with the expectations of a case of
# the same requirement.

# %%
from labkit.evaluation.kill_matrix import kill_matrix, right_answers

right = right_answers(course.suites["support"].cases, course.examples)
sample = next(s for s in right if s.requirement == "REQ-S01")
print(f"{len(right)} right answers, for example:\n  {sample.answer}\n  expected: {sample.expect}")

# %% [markdown]
# A **mutant** is a right answer spoilt in one known way. This answer and all the ways it can be spoilt:

# %%
from labkit.evaluation.mutants import mutants

Table({"kind": kind, "spoilt answer": text} for kind, text in mutants(sample.answer, sample.prompt))

# %% [markdown]
# Now every right answer is spoilt in every way, and each oracle of its case judges. The table counts **rejections**. In the
# first row you want 0%: those are other right answers to the same question. In all other rows you want 100%, at least in the
# column *whole case*, where one oracle that rejects is enough. A dash means that the two never met.

# %%
matrix = kill_matrix(right)
print(matrix.text())
matrix.plot()

# %% [markdown]
# Read it like a coverage report:
#
# - `facts` is sharp where it should be: it rejects every shifted number, and no right answer in other words.
# - `facts` is blind to a **negation**. "You can *not* return it within 45 days" states the 45 days.
# - `equals_json` kills everything, but only because a routing answer has one right form.
# - No single oracle is enough, and that is fine: they are meant to be combined. The gaps in *whole case* are not fine.

# %% [markdown]
# ## 2. The warning example: similarity
#
# The last column holds no oracle but what many dashboards show: how similar the answer is to a reference text. Look at its
# first two rows. It stops most of the right answers, because they use other words, and lets shifted numbers pass,
# because one digit changes hardly anything.

# %%
from difflib import SequenceMatcher

for text in (*sample.others, dict(mutants(sample.answer))["number_shift"]):
    print(f"{SequenceMatcher(None, sample.answer.lower(), text.lower()).ratio():.2f}  {text}")

# %% [markdown]
# ROUGE, BLEU and cosines of embeddings are better made than this ratio and share the fault: they measure how an answer
# looks, not whether it is true. Report them if somebody asks; never let one decide.

# %% [markdown]
# ## 3. Survivors are gaps
#
# The share of mutants killed is the *mutation score*. Each survivor is a wrong answer that your suite would release.

# %%
print("mutation score of the suite:", matrix.killed())
Table(nb09.gaps(matrix))

# %% [markdown]
# Not every survivor is a defect of the suite. A label before an answer (`format_break`) hurts where JSON is due and nowhere
# else. But a denied fact, another person's data and an invented voucher hurt everywhere. Take the denial first.

# %%
print("right:", *nb09.RIGHT, sep="\n  ")
print("denied:", *nb09.DENIED, sep="\n  ")
no_denial = tasks.no_denial
no_denial.card()

# %%
my_no_denial = ____
no_denial.check(my_no_denial)  # no_denial.hint(), no_denial.solution()

# %% [markdown]
# Does it close the gap in the suite? Add it to the cases of the requirements that promise something, and measure again, on
# the mutants **and** on the right answers. A pattern that was written for ten sentences will not fit all others: the first
# line shows which share it catches, the second its price in right answers, if there is one.

# %%
patterns = answer_or_reference(my_no_denial, nb09.REFERENCE_DENIALS)
promises = [s for s in right if s.requirement in ("REQ-S01", "REQ-S04", "REQ-S05", "REQ-S06", "REQ-S09")]
closed = kill_matrix([s._replace(expect=[*s.expect, {"forbids": patterns}]) for s in promises])
for kind in ("negation_flip", "another right answer"):
    print(
        f"{kind}: rejected {kill_matrix(promises).rate('whole case', kind)} before, {closed.rate('whole case', kind)} now"
    )

# %% [markdown]
# The other gap, invented and leaked content, wants another kind of oracle. `grounded` allows only the facts and names of the
# prompt and of a list, here the reference answer. Added to every case:

# %%
stricter = kill_matrix([s._replace(expect=[*s.expect, {"grounded": [s.answer]}]) for s in right])
print("mutation score:", matrix.killed(), "->", stricter.killed())
for kind in ("unsupported_sentence", "pii_leak", "another right answer"):
    print(f"{kind}: rejected {matrix.rate('whole case', kind)} before, {stricter.rate('whole case', kind)} now")

# %% [markdown]
# It finds what nobody saw, and look at the last line for its price: a few right answers with a word of their own are
# rejected as well. That is the trade of every oracle. You would give it a longer list, or let it *report* instead of
# decide. What you would not do is leave the gap unmeasured.

# %% [markdown]
# ## 4. Three models, one suite
#
# Every model answered the same cases once; the answers are kept in *run records*, and judging reads those. So you can sharpen
# an oracle and judge again without a model. The next cell takes seconds when all have answered, else a few minutes a model.

# %% tags=["nbval-ignore-output"]
judged = {name: course.verdicts(name) for name in MODELS}
plots.before_after(judged)

# %% [markdown]
# A dot without its interval is a rumour. Here is the aligned model by requirement, the most severe first; the dashed line is
# the floor of the release policy. A filled dot has its *whole* interval above the floor.

# %% tags=["nbval-ignore-output"]
plots.requirement_rates(judged["dpo"])

# %% [markdown]
# ## 5. Is the difference real?
#
# Two models on the same cases are compared case by case. Start with the flips.

# %%
flips = tasks.flips
flips.card()


# %%
def my_flips(before, after):
    return ____


flips.check(my_flips)  # flips.hint(), flips.solution()

# %% tags=["nbval-ignore-output"]
support = {name: course.verdicts(name, "support") for name in MODELS}
plots.flips(support["base"], support["sft"])

# %% [markdown]
# The suite holds variants: the same question with typing errors, or more polite. They stand or fall together, so they are
# not independent, and whoever counts each of them as a case of its own gets an interval that is too narrow. The *cluster
# bootstrap* draws whole families of variants instead. Here are both intervals, for each step of the training.
#
# The last column answers what a release asks: *is it no worse*, by more than 5 points? It uses the wider of the two intervals.

# %% tags=["nbval-ignore-output"]
Table(nb09.steps(support))

# %% [markdown]
# ## 6. Failures are defect reports
#
# A rate tells the manager, a failure tells the developer. Each verdict says what was expected and what was found. Severity
# first; among equals a failure that the earlier model did not have is a regression.

# %% tags=["nbval-ignore-output"]
failed = [v for v in judged["dpo"] if not v.passed]
print(f"{len(failed)} of {len(judged['dpo'])} cases fail")
Table(nb09.defects(failed, course.records("dpo")))

# %% [markdown]
# Before you file one, ask whose defect it is: the model's, the oracle's (a right answer rejected), or the requirement's (two
# readers, two meanings). In a young suite the oracle is guilty surprisingly often.
#
# **Hallucinations** are facts that nothing supports. For order status the prompt holds all the facts there are, so `grounded`
# can hunt them: every id, date and name that stands in the answer but not in the prompt.

# %% tags=["nbval-ignore-output"]
status = [case for case in course.suites["support"].cases if case.requirement == "REQ-S08"]
Table(nb09.inventions(status, {name: course.records(name) for name in MODELS}, allowed=["My Orders", "Order"]))

# %% [markdown]
# ## 7. How many cases does a claim need?
#
# The critical requirements (privacy, safety, manipulation) are the *guardrails*: what must never happen. "No failure in our
# tests" is a claim about the tests. What does it say about the next thousand customers?

# %%
cases_needed = tasks.cases_needed
cases_needed.card()


# %%
def my_cases_needed(share):
    return ____


cases_needed.check(my_cases_needed)  # cases_needed.hint(), cases_needed.solution()

# %% [markdown]
# Turned round: what do the guardrails of this suite prove if **every** case passes? Seed cases count, not their variants.

# %%
Table(nb09.claims(course.requirements, course.suites["support"].cases))

# %% [markdown]
# That is little, and it is good to know. A gate that must exclude 1% needs about 300 seed cases, or a second line of defence
# that does not rest on the model: a filter on the output, for instance.
#
# Comparing models is costly as well. If two models are in truth equal, a suite of 50, 100, 200 or 400 cases proves "no worse
# by more than 5 points" in roughly a quarter, a half, four fifths and nearly all of the attempts. Plan the suite by the claim,
# not the claim by the suite.

# %% [markdown]
# ## Recap
#
# - We spoilt right answers on purpose and saw which oracle kills which mutant, and which mutants survive.
# - We saw similarity stop right answers and let wrong numbers pass: it is reported, it never decides.
# - We closed a gap with a new expectation, and measured its kills and its false alarms.
# - We compared three models on paired cases, by clusters, and asked for non-inferiority.
# - We computed how many cases a claim needs, and what our guardrails can prove.

# %% [markdown]
# ## Quiz

# %%
nb09.QUIZ[0].ask()
nb09.QUIZ[0].answer(____)

# %%
nb09.QUIZ[1].ask()
nb09.QUIZ[1].answer(____)

# %%
nb09.QUIZ[2].ask()
nb09.QUIZ[2].answer(____)

# %% [markdown]
# **Next:** in [notebook 12](12_release_gate.ipynb) a written policy turns these verdicts into go, no-go or inconclusive, and a
# person signs.
