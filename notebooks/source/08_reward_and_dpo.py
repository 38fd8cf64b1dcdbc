# %% [markdown]
# # 08 Reward model, DPO and KTO
# `QA fine-tuning lab` `notebook 08 of 12` `CPU or GPU` `trains`
#
# You have rankings. Now they change the model. You train three things on them: a *reward model* that scores answers as your
# labellers would, and the assistant itself, once with *DPO* from pairs and once with *KTO* from thumbs. And you answer the
# question that most tutorials leave open: **was this run a failure?**
#
# **Objectives.** After this notebook you can
#
# - train a reward model, say what its accuracy and its confidence on a few held-out pairs are worth, and choose answers with it
# - explain what DPO compares, and why its first loss is always ln 2
# - read the curves of a run, margin and log-probabilities apart
# - let a check decide whether a run is healthy, suspicious or failed
# - align a model with thumbs up and down, where nobody has compared two answers
# - show what the preference won, and that it did not cost facts
#
# **QA parallel.** Training on rankings is a *change request*: the product shall behave differently in one respect. So three
# tests belong to it: a smoke test (is the run sound at all?), a test of the change (is the style better now?) and a
# regression test (is everything else as before?).
#
# **Time.** About 45 minutes. The trainings take one to a few minutes each on a laptop without GPU; what an earlier notebook has
# trained is not trained again. The cells print how long they took.

# %%
from labkit import plots, stats
from labkit.lesson.course import MODELS, Course
from labkit.lesson.exercises import ____, exercises
from labkit.lesson.nb08 import QUIZ, RUNS, chosen_by_reward, closest, numbers, paired, recorded_grpo, tokens, told
from labkit.lesson.table import Table

tasks, course = exercises("08"), Course()  # on your own material: Course(folder="my-materials")

# %% [markdown]
# ## 1. The rows
#
# They come from notebook 07, split by prompt. Your own rankings count first, wherever you have made some.

# %%
train, held_out = course.preferences()
print((course.home / "preference" / "used.txt").read_text().strip())
print("train:   ", train.accounting)
print("held out:", held_out.accounting)

# %% [markdown]
# ## 2. A reward model: a labeller made of numbers
#
# A **reward model** is a language model whose last layer was replaced: instead of the next word it gives one number for a
# whole answer. It is trained on pairs so that the chosen answer gets the higher number. Only differences mean something; a
# score of 2.1 alone says nothing.
#
# You use it where nobody can read everything: to sort a thousand logged answers, or to compare two models. You do **not** use
# it as an oracle. It has learned what your labellers liked, their habits included, and answers that are written to please it
# soon please nobody else.
#
# The next cell trains it on top of the fine-tuned model (and fine-tunes that first, if notebook 06 has not): a few minutes
# on a laptop without GPU, seconds when it was done before.

# %% tags=["nbval-ignore-output"]
from labkit.training.backend import unsloth

_ = unsloth()  # before everything else that trains: it replaces parts of the other libraries
reward = course.reward()
made = reward.manifest
print(f"{made.rows_trained} pairs, {made.steps} steps in {made.seconds / 60:.1f} minutes on {made.device}")
plots.training_curves(reward.log())

# %% [markdown]
# Its loss starts near 0.69 too: a head that knows nothing gives both answers about the same score, and a fair coin has a
# loss of ln 2. Falling means that it tells chosen from rejected **on the rows it trains on**. That proves memory. The held-out
# pairs ask for more.

# %% tags=["nbval-ignore-output"]
from labkit.preference.reward import RewardModel

judge = RewardModel(reward.adapter, course.sft().merged)
accuracy = judge.pair_accuracy(held_out.dpo)
print("held-out pairs ranked as people did:", accuracy)

# %% [markdown]
# Read the interval, not the percentage. With so few pairs it is wide: the lower end says what you may claim, and when it
# lies above 50%, that claim is "better than a coin". With the same rate on four times as many pairs the interval would be
# about half as wide: that is what more rankings would buy.
#
# Numbers convince nobody who has not seen a few answers. Here are held-out pairs with their scores, the smallest differences
# first: that is where it is unsure, and where it is wrong.

# %% tags=["nbval-ignore-output"]
Table(closest(held_out.dpo, judge))

# %% [markdown]
# **Is it as sure as it should be?** The difference of two scores is also a statement of confidence: a reward model that puts
# one answer 2 points above the other says "88%", because sigmoid(2) = 0.88. *Calibration* holds what it says against what
# happened: pairs are sorted by stated confidence and put into groups; on the dashed line, confidence and success agree. You
# know this from effort estimates: of the tasks somebody calls "90% done", how many are done a week later?

# %% tags=["nbval-ignore-output"]
plots.calibration(judge.differences(held_out.dpo))

# %% [markdown]
# Each group holds a handful of pairs, so the bars are long. The first line under the figure says what all pairs together
# allow. An overconfident judge is still of use for sorting; only its percentages must not be quoted.
#
# **Putting it to work: best of n.** Let the fine-tuned model answer several times with a little chance in its words, and keep
# the answer with the highest reward. No model changes; you pay with time. The suite, which the reward model has never seen,
# then judges all three ways of answering the same questions.

# %% tags=["nbval-ignore-output"]
Table(chosen_by_reward(course, judge))

# %% [markdown]
# The mean reward of the best of n must be the highest of the drawn ones: it was chosen for that, so it proves nothing. The
# column to read is the other one, and its intervals: only where the suite agrees has the reward model judged and not just
# been pleased.

# %% [markdown]
# ## 3. DPO: the preference goes into the assistant
#
# *Direct preference optimisation* needs no reward model. It looks at the assistant's own **log-probabilities**: how likely
# the model finds an answer, word for word, on a scale where 0 is certain and -50 is very unlikely. Training pushes the chosen
# answer up against the rejected one, and measures both **against a frozen copy of the model it started from**, the
# *reference*:
#
# - *gain of an answer* = its log-probability now - its log-probability under the reference
# - *margin* = beta x (gain of the chosen - gain of the rejected)
# - *loss* = -log(sigmoid(margin)); *sigmoid* squeezes any number into a probability between 0 and 1
#
# **beta** is the leash: with a small beta the model must move far from the reference to earn the same margin, with a large one
# it may stay near. The reference is the fine-tuned model, because you want its facts kept. That gives you a test for free.

# %%
first_loss = tasks.first_loss
first_loss.card()

# %%
my_first_loss = ____
first_loss.check(my_first_loss)  # first_loss.hint(), first_loss.solution()

# %%
dpo_loss = tasks.dpo_loss
dpo_loss.card()


# %%
def my_dpo_loss(chosen, rejected, beta=0.1):
    return ____


dpo_loss.check(my_dpo_loss)  # dpo_loss.hint(), dpo_loss.solution()

# %% [markdown]
# Now the training itself: a few minutes on a laptop without GPU, seconds when it was done before. labkit stops it when
# the first loss is not ln 2 or when a loss is no number.

# %% tags=["nbval-ignore-output"]
dpo = course.dpo()
made = dpo.manifest
print(f"{made.rows_trained} pairs, {made.steps} steps in {made.seconds / 60:.1f} minutes on {made.device}")
print(f"loss at step 1: {made.first_loss:.4f}, at the end: {made.last_loss:.4f}")
plots.dpo_curves(dpo.log())

# %% [markdown]
# ## 4. Is this run a failure?
#
# "The loss went down" is not an answer. Here are four made-up runs. Three of them end with a good margin, and not
# one of them may be judged by that alone.


# %%
Table(numbers(RUNS))

# %% [markdown]
# | sign | what is wrong | what to do |
# |---|---|---|
# | first loss is not ln 2 | the reference is another model than the one it started from | start DPO from the SFT adapter |
# | margin does not grow | it learned nothing, or the opposite | check that chosen and rejected are not swapped; learning rate |
# | both log-probabilities fall far | the margin grew by forgetting how to speak | lower learning rate, higher beta, fewer steps |
# | accuracy stays at one half | the pairs do not agree with each other | back to the guideline of notebook 07 |
# | a value is no number | the arithmetic broke | lower learning rate, look at the last batch |

# %%
verdicts = tasks.verdicts
verdicts.card()

# %%
my_verdicts = {"oak": ____, "elm": ____, "ash": ____, "fir": ____}
verdicts.check(my_verdicts)  # verdicts.hint(), verdicts.solution()

# %% [markdown]
# A check that nobody runs is no check, so labkit has it as a function. It reads the log and gives its reasons. Here is what
# it says of the four runs, which also shows that it can fail:

# %%
from labkit.preference.health import judge_run

for name, log in RUNS.items():
    print(f"{name}: {judge_run(log)}")

# %% [markdown]
# And of your own two runs. For the reward model it also looks at the held-out pairs:

# %% tags=["nbval-ignore-output"]
from labkit.preference import health

print("reward model:", health.judge(reward.manifest, reward.log(), accuracy))
print("DPO:", health.judge(dpo.manifest, dpo.log()))

# %% [markdown]
# *Suspicious* does not mean broken: it means that somebody reads answers before anybody quotes numbers. In small runs like
# this one, chosen answers often lose a little log-probability as well. What counts is what the model says.
#
# One sign no curve shows: **length**. Labellers like longer answers, and a model that learned only this looks fine in every
# plot. So the answers themselves are measured, before and after:

# %% tags=["nbval-ignore-output"]
print(health.judge_lengths(tokens(course, "sft"), tokens(course, "dpo")))

# %% [markdown]
# ## 5. KTO: when all you have is thumbs
#
# In production nobody compares two answers. There is one answer, and a thumb up or down. *KTO* (Kahneman-Tversky
# optimisation) trains on exactly that. It pushes each answer up or down by itself, measured against the same frozen reference
# as DPO, and weighs thumbs up and thumbs down so that the frequent kind does not drown the rare one.

# %%
balance = tasks.balance
balance.card()

# %%
my_balance = ____
balance.check(my_balance)  # balance.hint(), balance.solution()

# %% [markdown]
# The rankings serve as thumbs: a winner gets a thumb up, a loser a thumb down, and "both good" and "both bad", which DPO cannot
# use, count as well. A file of your own works in the same way: `labkit train kto --thumbs FILE`. This is a **short run**
# over a part of the thumbs, about a minute on a laptop without GPU: enough to see it work, too short for a release.

# %% tags=["nbval-ignore-output"]
kto = course.kto()
made = kto.manifest
up, down = made.settings["desirable_weight"], made.settings["undesirable_weight"]
print(f"{made.rows_trained} thumbs (weights: up {up:g}, down {down:g}), of them {made.settings['epochs']:.0%} seen")
print(f"{made.steps} steps in {made.seconds / 60:.1f} minutes on {made.device}")
plots.dpo_curves(kto.log(), beta=made.settings["beta"])

# %% tags=["nbval-ignore-output"]
print("KTO:", health.judge(made, kto.log()))
print("length:", health.judge_lengths(tokens(course, "sft"), tokens(course, "kto")))

# %% [markdown]
# The right panel shows gains over the reference, because every batch holds other answers. The first loss is another one than
# DPO's: half the mean weight of the first answers, because an answer that has neither gained nor lost stands at
# sigmoid(0) = 1/2. The check knows that, from the run's own weights.

# %% [markdown]
# ## 6. What did the preference win?
#
# All three models answer the whole suite: the base model, the fine-tuned one (`sft`) and the one aligned with pairs (`dpo`). A
# minute or two on a laptop without GPU for each model that has not answered yet.

# %% tags=["nbval-ignore-output"]
judged = {name: course.verdicts(name) for name in MODELS}
plots.before_after(judged)

# %% [markdown]
# Look at REQ-S15 (next step) and REQ-S16 (apology) first: they are what most rankings were about (some were about
# refusals). Both models answered **the same cases**, so the honest comparison is *paired*: only cases that one model
# passes and the other does not carry information. The p-value says how often a difference like this would come about by
# luck if both were equally good.


# %% tags=["nbval-ignore-output"]
Table(paired(judged["sft"], judged["dpo"], ["REQ-S15", "REQ-S16"]))

# %% [markdown]
# A second opinion, from the reward model. It learned from the same rankings, so it is no independent witness; but DPO never saw
# its scores. If the two disagreed, one of the two trainings would have gone wrong.

# %% tags=["nbval-ignore-output"]
from labkit.lesson.nb08 import won_by_reward

print("answers that differ, of which the reward model prefers DPO's:", won_by_reward(course, judge))

# %% [markdown]
# And the short KTO run, on the same preference cases:

# %% tags=["nbval-ignore-output"]
Table(paired(judged["sft"], course.verdicts("kto", "preference"), ["REQ-S15", "REQ-S16"]))

# %% [markdown]
# Do not read the two tables as a race: DPO saw every pair more than once, KTO a part of the thumbs once. What you can take from
# them is whether thumbs alone moved the style at all, and in which direction.

# %% [markdown]
# ## 7. And what did it cost?
#
# "No significant loss" proves nothing: a tiny suite never finds one. The question is turned round. **Non-inferiority** asks
# whether a loss of more than a margin, here 5 points, can be *excluded*. There are three answers: pass (excluded), fail (it is
# worse), inconclusive (this suite cannot tell, and how many further cases could). Variants of one case count as one cluster.

# %% tags=["nbval-ignore-output"]
sft, aligned = course.verdicts("sft", "support"), course.verdicts("dpo", "support")
found = stats.non_inferior([v.passed for v in sft], [v.passed for v in aligned], [v.cluster for v in aligned])
low, high = 100 * found.interval.low, 100 * found.interval.high
print(
    f"facts and rules: {100 * found.interval.estimate:+.1f} points (90% interval {low:+.1f} to {high:+.1f}), n = {found.n}"
)
print(
    f"verdict: {found.verdict}" + (f", about {found.further_cases} further cases needed" if found.further_cases else "")
)

# %% [markdown]
# Which cases changed sides? A net change of zero can hide ten lost and ten won.

# %% tags=["nbval-ignore-output"]
plots.flips(sft, aligned)

# %% [markdown]
# Last, read some. These are questions of the preference suite whose answer has changed:

# %% tags=["nbval-ignore-output"]
before, after = ({r.case_id: r.output for r in course.records(name)} for name in ("sft", "dpo"))
cases = [case for case in course.suites["preference"].cases if before[case.id] != after[case.id]][:6]
Table({"customer": c.given[-1].content, "sft": before[c.id], "dpo": after[c.id]} for c in cases)

# %% [markdown]
# ## 8. Optional: what if the reward is the goal?
#
# *GRPO* goes one step further: the model answers, the reward model scores, and training pushes towards higher scores, again and
# again. Now the model learns to please the judge, and a judge made of numbers can be pleased in ways no customer would like.
# This is **reward hacking**, and testers know it as a team that is paid by the number of closed tickets. The run below was
# made once and recorded, because it takes too long for a lesson.

# %% tags=["nbval-ignore-output"]
grpo = recorded_grpo()
grpo

# %% tags=["nbval-ignore-output"]
print(told(grpo))

# %% [markdown]
# Whatever came out there, the set-up is the point: the number that was trained on (the reward) is never the number that
# decides about the release (the suite).

# %% [markdown]
# ## Recap
#
# - We trained a reward model, claimed no more than the lower end of an interval, checked its confidence and used it to choose.
# - We saw that DPO compares gains against a frozen reference, so that its first loss is ln 2 or the set-up is wrong.
# - We read margin and log-probabilities apart, because the margin also grows when both fall.
# - We let a check judge the runs, and saw it fail runs that deserve it.
# - We aligned a model with thumbs, weighted so that both kinds count.
# - We tested the change on paired cases, and the rest for non-inferiority by clusters.

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
# **Next:** all these verdicts rest on oracles. [Notebook 09](09_evaluation.ipynb) tests the oracles themselves, and then
# compares the three models in earnest.
