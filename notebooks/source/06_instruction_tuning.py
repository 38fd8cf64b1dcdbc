# %% [markdown]
# # 06 Instruction tuning
# `QA fine-tuning lab` `notebook 06 of 12` `CPU or GPU` `Unsloth, QLoRA`
#
# The suite is red. Now we make it green where it should be: by *instruction tuning*, which means training on pairs of
# an instruction and the answer we want. The training itself is one line. The craft lies around it: looking at what goes
# in, knowing which mistakes make no noise, and judging what comes out.
#
# **Objectives.** After this notebook you can
#
# - look at training rows as the model sees them: as tokens, with a mask that says what is trained
# - explain what QLoRA freezes and what it trains, and read its settings
# - name four mistakes that no loss curve shows, and check for each
# - tell before a training starts whether it fits and how long it takes
# - train, resume after an interruption, and account for every row
# - judge the tuned model case by case: what turned green, what turned red, what stayed
# - hand the model over in the form another program serves, with a check that it still answers alike
#
# **QA parallel.** The implementation that makes the failing tests pass, with its build log, and the retest that follows.
#
# **Time.** About 35 minutes, of which the computer works for several. The cells print how long they took.

# %%
from labkit import plots
from labkit.lesson import nb06
from labkit.lesson.course import Course
from labkit.lesson.exercises import ____, exercises

tasks = exercises("06")
course = Course()  # on your own material: Course(folder="my-materials") or Course(data="my.jsonl")

# %% [markdown]
# Everything that trains goes through **Unsloth**, a library that makes fine-tuning fast and small. It must be imported
# before the libraries it speeds up, so it comes first. That may take half a minute.

# %% tags=["nbval-ignore-output"]
from labkit.training.backend import unsloth

_ = unsloth()

# %% [markdown]
# ## Look at the rows before the machine does
#
# The cheapest defect is the one found by reading. First, who is represented:

# %%
from labkit.lesson.table import Table

print(f"{len(course.examples)} rows")
nb06.slice_counts(course.examples)

# %% [markdown]
# These *slices* are even. Whether the combinations are, too, is the matter of notebook 05. Next, the requirements: is there
# any that nobody wrote rows for?

# %%
rows_of = {r: sum(r in example.requirements for example in course.examples) for r in course.requirements}
print("  ".join(f"{requirement} {n}" for requirement, n in rows_of.items()))
print("Without a row:", [requirement for requirement, n in rows_of.items() if n == 0] or "none")

# %% [markdown]
# Then the rows themselves. Read the answers as if you had to sign each of them, for that is what the model will take them for.

# %%
shown = nb06.first_of(course.examples, "REQ-S01", "REQ-S08", "REQ-S10", "REQ-S12", "REQ-S13")
Table({"message": row.prompt[-1].content, "answer": row.response} for row in shown)

# %% [markdown]
# **Why the rule line helps.** When the lab was made we first asked the model to learn the shop's rules by heart. On the
# held-out cases it then mixed them up: the right topic with another topic's number. With the rule above the message it
# only has to carry a fact over into an answer, which a small model learns from few rows, and the rules can change without
# a new training. What rows must still teach is everything no search can find: when to refuse, when to call a person, how
# the answer should look.
#
# ## Tokens: what the model really reads
#
# A model does not see letters. A **tokenizer** cuts text into **tokens**, pieces from a fixed list, and the model sees
# their numbers.

# %%
tokenizer = nb06.load_tokenizer(course.base)
nb06.pieces("Return the kettle within 45 days.", tokenizer)

# %% [markdown]
# Common words are one token, with the space before them. Every digit is a token of its own: 45 is a 4 and then a 5. So
# one wrong token is enough to turn a right period into a wrong one, and no other word changes.
#
# ## The mask: what is trained
#
# A conversation is rendered as one text with special tokens between the turns. The model reads all of it, but only the
# answer is to be learned. That is what the **mask** says: 1 for a token that counts in the loss, 0 for one that is only read.

# %%
from labkit.training.rows import encode, encode_all, show_mask

row = encode(shown[0], tokenizer)
mask = show_mask(row.input_ids, row.completion_mask, tokenizer)
print(mask.text())
mask

# %% [markdown]
# The trained part stands between `[[` and `]]` in the plain text and is marked in colour below it.
# It ends with `<|im_end|>`, the **end of turn**: the token by which a model says that it has finished.
# It must be trained, or answers never end.
#
# Look at such a picture once in every project. A mask that is off by a turn gives a perfectly smooth loss curve.

# %%
trained_mask = tasks.trained_mask
trained_mask.card()


# %%
def my_mask(prompt_tokens, answer_tokens):
    return ____


trained_mask.check(my_mask)  # trained_mask.hint(), trained_mask.solution()

# %% [markdown]
# ### Row accounting
#
# Training libraries drop rows in silence: too long, nothing to train, unreadable. We count what goes in and what is left,
# and each row that is left out has a finding that says why.

# %%
from labkit.training.settings import SFTSettings

rows, findings = encode_all(course.examples, tokenizer, SFTSettings().max_length)
tokens, trained = sum(len(r.input_ids) for r in rows), sum(sum(r.completion_mask) for r in rows)
print(f"{len(course.examples)} rows in, {len(rows)} to train on, {len(findings)} left out")
print(f"{tokens} tokens, of which {trained} ({trained / tokens:.0%}) are trained")
print(f"longest row: {max(len(r.input_ids) for r in rows)} of {SFTSettings().max_length} tokens")

# %% [markdown]
# The same account for all three sample domains. *Support* has its curated rows, the other two are raw, with their planted
# defects still in them; their longest rows are the ones to look at first.

# %%
from labkit.lesson import outlook

outlook.accounting(tokenizer)

# %% [markdown]
# ## QLoRA: train a little, freeze the rest
#
# To change all 135 million parameters, the training would have to keep several numbers beside each of them. **LoRA**
# (*low-rank adaptation*) leaves the model as it is and puts a small **adapter** beside its large matrices: two thin
# ones each, whose product is added to the large one. Only those are trained. The **Q** stands for *quantised*: the
# frozen model is held in 4 bits a number (a format called NF4) in place of 16. It is only read, so that little
# precision is enough.

# %%
lora = SFTSettings().lora
sizes = nb06.adapter_sizes(course.base, lora)
frozen, small = (sum(size[part] for size in sizes) for part in ("frozen", "trained"))
print(f"rank {lora.rank}: {small:,} numbers are trained beside {frozen:,} frozen ones, {small / frozen:.1%}")
Table(sizes)

# %% [markdown]
# A model is a stack of **layers**, and each kind of matrix (*projection*) stands once in each. The lowest 27% of the layers
# get no adapter (`frozen_share` in `SFTSettings().lora`): the training then need not compute its way down to them, which saves
# about this share of that work.
#
# The **rank** is the width of the thin matrices: how much the adapter can express. Twice the rank is twice the numbers in
# the last column. The adapter is a file of its own, a few megabytes next to the model's hundreds: like a patch that can be
# reviewed, versioned and taken back.
#
# ## The settings, each with a reason

# %%
nb06.settings_table(SFTSettings())

# %% [markdown]
# All of them are written down, none is left to a library's default: the same call has other defaults on a CPU than on a
# GPU, and a result nobody can repeat is no result.

# %%
steps_of_a_run = tasks.steps_of_a_run
steps_of_a_run.card()


# %%
def my_steps(rows, batch_size, epochs):
    return ____


steps_of_a_run.check(my_steps)  # steps_of_a_run.hint(), steps_of_a_run.solution()

# %% [markdown]
# On the samples, 426 rows in batches of 4 make 107 steps an epoch: the last one holds two rows. The training below takes
# three epochs. Compare your function with the number of steps its manifest will state.
#
# ## Four traps that make no noise
#
# Each of these has spoiled real trainings, with a loss curve that looked fine. labkit guards against them, and a test holds
# each guard. Know them all the same: your next project may use other tools.
#
# | trap | what you would notice | the check |
# |---|---|---|
# | 1. the wrong end-of-turn token | answers never end, in production | the last trained token is the tokenizer's end |
# | 2. the mask covers the prompt | the model asks questions back | look at one row, decoded |
# | 3. the adapter in low precision | the model hardly learns | the trained weights are float32 |
# | 4. merging in low precision | the merged model is worse than the adapter | merge in float32, compare answers |

# %% [markdown]
# **1 and 2** are checked on every row in a moment:

# %%
ends = {tokenizer.decode([r.input_ids[-1]]) for r in rows}
print("last token of every row:", ends, "- the tokenizer's end:", tokenizer.eos_token)
blocks = [sorted(r.completion_mask) == r.completion_mask and 0 in r.completion_mask for r in rows]
print("mask is one block at the end, behind a prompt that is only read, in", sum(blocks), "of", len(rows), "rows")

# %% [markdown]
# **3.** Training adds very small numbers to larger ones. *bfloat16*, the format models are often stored in, has only two to
# three decimal digits, and the small number vanishes:

# %%
import torch

for kind in (torch.float32, torch.bfloat16):
    weight = torch.tensor(1.0, dtype=kind)
    print(f"{kind}: 1 + 0.001 = {(weight + 0.001).item():.4f}")

# %% [markdown]
# A hundred such steps, and nothing has been learned. So the adapter is kept in float32; it is small and costs next to nothing.
#
# **4.** When training is over, the adapter is added into the model (**merging**), because a merged model answers faster. How
# much of the update survives depends on the format it is stored in:

# %%
_ = torch.manual_seed(0)
weights, update = 0.1 * torch.randn(10_000), 0.001 * torch.randn(10_000)
for kind in (torch.float32, torch.float16, torch.bfloat16):
    stored = (weights + update).to(kind).float()
    lost = (stored - weights - update).abs().mean() / update.abs().mean()
    print(f"stored as {kind!s:15} rounding spoils {lost:.0%} of the update")

# %% [markdown]
# We add in float32 and store float16.
#
# ## Will it fit?
#
# A training that dies after twenty minutes for want of memory is a test run without a smoke test. So labkit reckons before
# it loads anything: the weights, the adapter, what must be remembered until the backward pass, the scores of all possible
# next tokens; and the minutes from the arithmetic of all tokens and a half-second trial of this machine. The estimate is
# rough, by a quarter for memory and a factor of two for time, and says so. Here it is for the rows of all three domains:

# %% tags=["nbval-ignore-output"]
outlook.fits(course)

# %% [markdown]
# *Refused* means that the training below would not start but stop with one line: what it needs, what is free, and what to
# change. The first thing to change is always the number of rows a step looks at together (`batch_size`), made up for by
# adding up more steps (`accumulation`): the same sums in less memory.
#
# And elsewhere? Trust a time only if somebody *measured* it, on a device like yours:

# %% tags=["nbval-ignore-output"]
outlook.runtimes(course)

# %% [markdown]
# On a GPU the presets take a larger model (`labkit train sft --preset 24gb`); no GPU was measured, so those lines are
# arithmetic, no promise. The lessons stay with the small model everywhere, so that you can compare your numbers.
#
# ## Train
#
# Everything so far was preparation; this is the whole of it. It takes several minutes on a laptop without GPU, and the bar
# shows the time left. What was trained before is found again and not trained twice. You may go for a coffee, but not
# into another notebook that trains: two at once are slower than one after the other.

# %% tags=["nbval-ignore-output"]
tuned = course.sft()
made = tuned.manifest
print(f"{made.steps} steps in {made.seconds / 60:.1f} minutes on {made.device}")  # how good was the estimate?

# %% [markdown]
# **You can stop and come back here.** From now on everything is on disk.
#
# ### Read the curve

# %% tags=["nbval-ignore-output"]
plots.training_curves(tuned.log())

# %% [markdown]
# What a healthy run looks like: the loss starts at a few units, falls steeply while the form of the answers is
# learned, and then ever more slowly. Single steps jump, since each sees other rows. What would make you stop:
#
# - it does not fall: the rate is too low, or the mask trains nothing
# - it rises or jumps about without end: the rate is too high
# - it becomes *not a number*: labkit stops such a run at the step where it happens
# - it falls to almost nothing while rows are few: the model may be learning them by heart (**overfitting**)
#
# The last one cannot be told from this curve at all. It takes questions the model has never seen, and those are our suite.
#
# ### What made this model?

# %% tags=["nbval-ignore-output"]
print(f"{made.rows_in} rows in, {made.rows_trained} trained on, dropped: {made.rows_dropped or 'none'}")
parts = ("base_sha256", "data_sha256", "weights_sha256")
Table({"part": part, "fingerprint": getattr(made, part)[:16]} for part in parts)

# %% [markdown]
# The **manifest** lies beside the adapter. A *fingerprint* (SHA-256) changes with any byte of what it was taken from: the
# base, the rows, the trained weights. And the home's ledger leads from the model back to the rows and their licence:

# %% tags=["nbval-ignore-output"]
from labkit.home import lineage

print(lineage(course.home, tuned.folder).text())

# %% [markdown]
# ### Resume: interrupt it and see
#
# A **checkpoint** is the state of a run on disk: the adapter, the optimiser's memory (of how earlier steps went) and
# the place in the data. One is written every `save_steps` steps. Kill the kernel in the middle of a training and run
# the cell again: it goes on from the newest *complete* checkpoint, and ends with the same losses as a run that nobody
# interrupted. That equality is tested; "it seems to go on" is not enough, because a resume that forgets the optimiser's
# memory seems to go on, too.

# %%
resume_from = tasks.resume_from
resume_from.card()


# %%
def my_resume(checkpoints):
    return ____


resume_from.check(my_resume)  # resume_from.hint(), resume_from.solution()

# %% [markdown]
# ## Green?
#
# The tuned model takes the very same test. A few minutes on a laptop without GPU, once.

# %% tags=["nbval-ignore-output"]
from labkit.stats import wilson

verdicts = {model: course.verdicts(model) for model in ("base", "sft")}
for model, judged in verdicts.items():
    print(f"{model:5}", wilson(sum(v.passed for v in judged), len(judged)))

# %% [markdown]
# `sft` stands for *supervised fine-tuning*, the usual name for what we just did. Now each requirement for itself:

# %% tags=["nbval-ignore-output"]
plots.before_after(verdicts)

# %% [markdown]
# A mean hides what a release decision needs. So read it requirement by requirement:
#
# - Where did the dot rise, and do the two bars still overlap? Overlapping bars mean: a few cases more or less would
#   change the picture.
# - Are all critical requirements at the top? One failure there outweighs ten gains elsewhere.
# - The two about style (REQ-S15 and REQ-S16) are taught only in passing by these rows. They are the business of the
#   rankings in 07 and 08.
#
# And case by case. A *flip* is a case whose verdict changed; the ones that turned red matter most.

# %% tags=["nbval-ignore-output"]
plots.flips(verdicts["base"], verdicts["sft"])

# %% [markdown]
# ### Structured output
#
# Routing (REQ-S13) has two questions in one: is the answer a JSON object of the agreed form at all, and is it the
# *right* object? The first is what a program downstream needs in order not to crash.

# %% tags=["nbval-ignore-output"]
for model, judged in verdicts.items():
    right = [v.passed for v in judged if v.requirement == nb06.ROUTING]
    print(f"{model:5} of the agreed form: {nb06.routing_form(course, model)}")
    print(f"{'':5} and right:           {wilson(sum(right), len(right))}")

# %% [markdown]
# Form is learned early, because every routing row shows it; the decision takes more rows. A valid object with the wrong
# team is the more dangerous failure: no parser will complain about it.
#
# ### Before and after, in words
#
# One gained case for each of some requirements. Compare the answer with the rule above the question:

# %% tags=["nbval-ignore-output"]
from labkit.lesson.show import side_by_side

side_by_side(course, "base", "sft")

# %% [markdown]
# And what still fails? A tester's attention belongs here, whatever the total says.

# %% tags=["nbval-ignore-output"]
from labkit.lesson.show import worst

worst(course, "sft")

# %% [markdown]
# For each of these ask the three questions that you would ask of any failure. Is the *case* fair? Is the *oracle* right?
# Only then: is the *model* wrong, and would a few more rows on that requirement teach it?
#
# ## Hand it over
#
# The suite judged *this* model. What customers meet is often another file: the adapter **exported**, which means merged and
# written in the form that the serving program reads. On the way the numbers are rounded, the chat template is copied, the
# end of turn is written down once more; each of these has gone wrong somewhere, without an error. So an export is a build
# artefact that needs its own smoke test: twenty prompts of the suite, answered greedily (always the likeliest token) through
# the adapter and through the export, and compared letter for letter.

# %% tags=["nbval-ignore-output"]
outlook.export_table(outlook.handed_over(course))

# %% [markdown]
# Read two lines. *Same answer*: a rounding may tip one answer over, so nine of ten are asked for; with twenty prompts the
# interval beside it is wide, and a lower figure is a reason to look, not to retry. *End by themselves*: as many as the
# adapter's; an export that has lost its end-of-turn token talks on until it is cut.
#
# This one is the merged form. The command line writes the others, checks them in the same way, keeps the result in
# `export.json`, and ends with exit code 1 when they differ too often:
#
# ```
# labkit export lab-home/training/sft/adapter --to gguf   --out my-gguf      # one file for llama.cpp
# labkit export lab-home/training/sft/adapter --to ollama --out my-ollama    # and a Modelfile: ollama create NAME -f Modelfile
# labkit export lab-home/training/sft/adapter --to vllm   --out my-vllm      # and how to serve it
# ```
#
# GGUF holds eight bits a number unless you say `--tensors f16`. Try both if you have a few minutes: which of the two agrees
# more often?

# %% [markdown]
# ## Recap
#
# - We looked at training rows as the model sees them: tokens, and a mask that trains the answer and its end.
# - We can explain QLoRA: a frozen model in 4 bits, a small adapter that is trained, and settings with a reason each.
# - We named four mistakes that no loss curve shows, and checked for each.
# - We told before the training whether it fits and about how long it takes.
# - We trained, know how a run is resumed, and accounted for every row.
# - We judged the tuned model case by case: what turned green, what turned red and what stayed.
# - We handed the model over, and checked that what is served answers like what was judged.

# %% [markdown]
# ## Quiz

# %%
nb06.QUIZ[0].ask()
nb06.QUIZ[0].answer(____)

# %%
nb06.QUIZ[1].ask()
nb06.QUIZ[1].answer(____)

# %%
nb06.QUIZ[2].ask()
nb06.QUIZ[2].answer(____)

# %% [markdown]
# **Next:** [07 Preference ranking](07_preference_ranking.ipynb). The facts are in place; how an answer *should sound* is
# easier to recognise than to specify. So we let people choose, blind.
