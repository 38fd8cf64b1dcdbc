# %% [markdown]
# # 10 Regression and drift
# `QA fine-tuning lab` `notebook 10 of 12` `CPU or GPU` `builds three faulty models`
#
# The model is good today. Will you notice when it is not? You set a baseline that nobody moves by accident, break the model on
# purpose to see whether the suite turns red, and watch what users ask once it is out.
#
# **Objectives.** After this notebook you can
#
# - bless a run as the baseline, with a reason that stays in the log
# - hold a candidate against it, and read pass, fail and inconclusive
# - build mutants of a model and read which requirement each of them turns red
# - turn a survivor into the case that was missing
# - say how small a shift your drift monitor notices
#
# **QA parallel.** A *golden master* with a change log, *mutation testing* of the system under test, and *monitoring in
# production*. The mutants are the part most teams leave out: they test the tests.
#
# **Time.** About 40 minutes. Three mutants are built live in about a minute and a half on a laptop without GPU; those that
# need a training are shown as they were recorded, and one command builds them again.

# %%
from labkit import plots
from labkit.lesson import nb10
from labkit.lesson.course import Course
from labkit.lesson.exercises import ____, answer_or_reference, exercises
from labkit.lesson.table import Table

tasks, course = exercises("10"), Course()  # on your own material: Course(folder="my-materials")

# %% [markdown]
# ## 1. A baseline is an act
#
# A **baseline** is the run that later runs are held against. It must not drift along with the product, so it changes only
# when somebody *blesses* a run, by name and with a reason. labkit keeps a copy of the run under its hash, refuses runs that are
# stale or incomplete, and adds one line to a log. (The fine-tuned model answers first if it has not yet: a few minutes.)

# %% tags=["nbval-ignore-output"]
from labkit.evaluation.bless import baseline, bless, log

suite = course.suites["support"]
before = course.verdicts("sft", suite.name)
bless(
    course.home, course.home / "evaluation" / f"sft-{suite.name}.jsonl", "release-1", "first model in use", suite.path
)
Table({"name": b.name, "passed": f"{b.passed}/{b.n}", "reason": b.reason, "by": b.who} for b in log(course.home))

# %% [markdown]
# Ask for it by name, and you get the records as they were on that day; a copy that was edited since is refused.

# %% tags=["nbval-ignore-output"]
print(baseline(course.home, "release-1").name)

# %% [markdown]
# ## 2. Is the candidate no worse?
#
# The question to a new model is not "is it better" but **"is it no worse, by more than a margin?"** Three answers are possible,
# because an interval knows three cases.

# %%
no_worse = tasks.no_worse
no_worse.card()


# %%
def my_no_worse(low, high, margin):
    return ____


no_worse.check(my_no_worse)  # no_worse.hint(), no_worse.solution()

# %% [markdown]
# Here are two candidates against the baseline, case by case. The aligned model of notebook 08 is a real candidate. The base
# model stands in for an accident that does happen: the server starts, and the adapter was not loaded. A *flip* is a case that
# changed sides; lost and gained ones are counted apart, since a net change of zero can hide ten of each.

# %% tags=["nbval-ignore-output"]
candidates = {name: course.verdicts(name, suite.name) for name in ("dpo", "base")}
Table(nb10.against(before, candidates))

# %% tags=["nbval-ignore-output"]
plots.flips(before, candidates["dpo"])

# %% [markdown]
# ## 3. Test the tests: mutants of the model
#
# In notebook 09 you spoilt *answers*. Now you spoil the *model*, in ways that happen to real teams: adapters at the wrong
# strength, rows that were lost or poisoned, a server with another template. A mutant is **killed** when a requirement that it
# should break turns *red*; the **mutation score** is the share of mutants killed.
#
# They are written down beside the samples, in `mutants.yaml`. To add one of yours is to add five lines there.

# %%
from labkit.lesson.mutated import registry, subject

planned = registry(course)
Table(nb10.faults(planned))

# %% [markdown]
# When is a requirement red? Not when one case flips: that also happens to a sound model. It is red when the cases lost against
# the cases gained are no luck (a paired test, *mid-p McNemar*, at 5%, variants of a seed case counted once), or when every case
# that passed is lost. A fault that should break several requirements is also tested on all their cases *together*, since it
# may take a little from each. Only the cases of the expected and of the critical requirements are asked, to save time.
#
# Three mutants are cheap enough to be built in front of you: two change numbers in the adapter and merge it anew, one cuts
# every answer after 8 tokens (pieces of words).

# %% tags=["nbval-ignore-output"]
from labkit.evaluation.mutant_run import mutate

live = mutate(subject(course), planned, only=["half", "noise", "eight-tokens"])
print(live.score())

# %% tags=["nbval-ignore-output"]
from labkit.plots.mutants import model_kill_matrix

model_kill_matrix(live.rows())

# %% [markdown]
# Read a row as an experiment: *this* was broken, and *these* requirements noticed. Look at what stays green, too. A model at
# half its strength may still copy facts from its prompt and have lost its manners: whoever tests facts alone would release it.

# %% [markdown]
# ## 4. The slow ones, from the record
#
# Poisoned and lost rows need a training each. These were built with the same code on another day, and the next cell says when,
# on what, and with which versions. **Nothing of it was measured in this run.** `labkit mutants --models` builds all of them
# on your machine, one after the other, and goes on where it was stopped.

# %%
from labkit.evaluation.model_mutants import Report
from labkit.lesson.recorded import recorded

found = recorded("model_mutants")
slow = Report.model_validate({"mutants": [], **found.result})
print(found.line())
model_kill_matrix(slow.rows())

# %% [markdown]
# The *controls* at the bottom have no fault: the same weights merged once more, and a training that went on with clean rows.
# They are the false-alarm test of the whole method. Without them, "the poisoned model turned red" would prove little: perhaps
# any further training does that.

# %%
print("mutation score:", slow.score())
Table({"survivor": r.name, "fault": r.fault, "what to write": r.advice} for r in slow.survivors())

# %% [markdown]
# A survivor is not a failure of the mutant. It is a sentence about your suite: *a model like this would have been released.*
# Take the mutant by-name, which gives customers of certain names a shorter period. How many cases could notice it at all?

# %%
told = next(m for m in planned.mutants if m.name == "by-name").recipe.names.told
prompts = [case.given[-1].content for own in course.suites.values() for case in own.cases]
print(
    f"{sum(any(name in prompt for name in told) for prompt in prompts)} of {len(prompts)} cases name {', '.join(told)}"
)

# %% [markdown]
# A fault that needs a name to show is out of sight for a suite without names. That is a gap you can close.

# %%
killing_case = tasks.killing_case
killing_case.card()

# %%
my_killing_case = {"given": ____, "expect": ____}
killing_case.check(my_killing_case)  # killing_case.hint(), killing_case.solution()

# %% [markdown]
# The case at work: it must let right answers pass and stop what the mutant says to Aylin. A pair of cases that differ only in
# the name is better still, because it finds unequal treatment without knowing the right answer (notebook 05).

# %%
from labkit.evaluation.oracles import ORACLES

case = answer_or_reference(my_killing_case, nb10.REFERENCE_CASE)
for text in (*nb10.RIGHT, *nb10.SPOILT):
    passed = all(ORACLES[n](want, text, case["given"]).passed for e in case["expect"] for n, want in e.items())
    print("passes " if passed else "stopped", text)

# %% [markdown]
# The record holds such pairs, too. *by-name-asked* is the very same model; only each case of the requirement is asked twice, by
# one customer of either set of names, in place of by nobody.

# %%
asked = [row for row in slow.rows() if row["mutant"].startswith("by-name") and row["expected"]]
Table({key: row[key] for key in ("mutant", "requirement", "n", "before", "after", "lost", "gained", "p", "red")} for row in asked)

# %% [markdown]
# More is lost once names are asked for, and still nothing is red. Two things are at work, and a tester should name both. A model
# of this size mixes names up: it tells some Peters 20 days as well, so the pairs differ less than the training wanted. And eight
# seed cases are few: losing four and gaining one is within luck. The way out is more cases, not another threshold.

# %% [markdown]
# ## 5. Drift: the world moves, too
#
# A suite asks what you thought of. Users ask what they like, and next month something else. **Drift** means that what comes in,
# or what goes out, no longer looks like the reference. In production there are no expected answers, so a monitor looks at what
# can be seen without them: rates (empty answers, refusals, JSON), the share of prompts unlike all known ones, and the prompts
# as a whole. Here are three made-up weeks of 80 questions each.

# %%
from labkit.evaluation.drift import drift
from labkit.plots.drift import detection_curve, drift_bands

reference, weeks = nb10.weeks()
seen = {name: drift(reference, week) for name, week in weeks.items()}
drift_bands({name: week.rows() for name, week in seen.items()})

# %% [markdown]
# Several signals, one alarm: that needs care.

# %%
lucky_alarm = tasks.lucky_alarm
lucky_alarm.card()


# %%
def my_lucky_alarm(signals, level):
    return ____


lucky_alarm.check(my_lucky_alarm)  # lucky_alarm.hint(), lucky_alarm.solution()

# %% [markdown]
# Therefore the p-values above are *Holm's*: they are raised so that all signals together give a false alarm in at most 5% of
# quiet weeks. Every domain of the samples as the traffic of one week, the support questions being the known ones:

# %%
domains = {"support": weeks["as before"]} | {d: nb10.batch(nb10.asked(d)[:80]) for d in ("knowledge", "decision")}
Table(nb10.novelties({name: drift(reference, week) for name, week in domains.items()}))

# %% [markdown]
# The other two domains raise an alarm, but look at the first column: hardly a prompt of theirs is novel. They speak of the same
# things in the same words, and other signals gave them away. That is why there are several.
#
# An alarm is where the work starts, not where it ends: the prompts unlike all others come with it, as candidates for new cases.

# %%
newcomers = seen["a fifth German"].candidates
Table({"similarity": c.similarity, "prompt": c.prompt, "nearest known": c.nearest} for c in newcomers[:5])

# %% [markdown]
# ## 6. How small a shift would you notice?
#
# A monitor that has been silent for weeks is either right or blind. Inject shifts of known size and count how often they are
# noticed: this is a test of the monitor, planned like any other. First with German questions, as if the shop had opened next
# door:

# %%
from labkit.evaluation.drift import detection_limit

own, shifts = [q for q, _ in nb10.asked("support")], {"German": nb10.german(), "handbook": nb10.asked("knowledge")}
limits = {
    name: detection_limit(own, [q for q, _ in rows], (0.05, 0.1, 0.2, 0.5), size=80, draws=20, permutations=100)
    for name, rows in shifts.items()
}
detection_curve(limits["German"].rows())

# %% [markdown]
# And beside it questions about the handbook, which are about the same kettles and hedge trimmers in the same English:

# %%
Table(nb10.limits(limits))

# %% [markdown]
# So a detection limit belongs to a *kind* of shift. New words are seen soon. A new subject in old words is hardly seen by a
# monitor that compares words: in batches of this size not reliably even when it is half of the traffic. A report that says
# "no drift" must say that, too. (Twenty draws a share give wide intervals; the false alarms should be about one in twenty.)
#
# And the way out? Here the *answers* of the base model stand against those of the fine-tuned one, on the same prompts:

# %% tags=["nbval-ignore-output"]
from labkit.evaluation.drift import Batch

said = {name: course.records(name) for name in ("sft", "base")}
batches = {name: Batch(prompts=[r.prompt for r in rs], answers=[r.output for r in rs]) for name, rs in said.items()}
print(drift(batches["sft"], batches["base"]).text())

# %% [markdown]
# A lost adapter shows in the rates. A model that says 90 days in place of 45 shows in **none** of them: a wrong number looks
# like a right one. Drift monitoring finds what changed, not what is wrong. For that you have the suite, and now you know how
# strong it is.

# %% [markdown]
# ## Recap
#
# - We blessed a run as the baseline, by name and with a reason.
# - We held candidates against it, and told no worse, worse and undecided apart.
# - We built mutants of the model and saw which requirements turned red, and that the controls did not.
# - We read the survivors and wrote the case that was missing.
# - We measured how small a shift the drift monitor notices, and what it cannot see.

# %% [markdown]
# ## Quiz

# %%
nb10.QUIZ[0].ask()
nb10.QUIZ[0].answer(____)

# %%
nb10.QUIZ[1].ask()
nb10.QUIZ[1].answer(____)

# %%
nb10.QUIZ[2].ask()
nb10.QUIZ[2].answer(____)

# %% [markdown]
# **Next:** the model is out and users answer back. Notebook 11 turns their feedback into a new row, a new case or a changed
# requirement, and [notebook 12](12_release_gate.ipynb) decides what may go out.
