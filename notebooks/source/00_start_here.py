# %% [markdown]
# # 00 Start here
# `QA fine-tuning lab` `notebook 00 of 12` `CPU or GPU` `no account, no download of models`
#
# Welcome. In this lab you take a general language model and make a support assistant of it that you would sign for. You
# know most of the trade already: requirements, test cases, oracles, defects, regression, release. What is new is the
# thing under test, and that it is *trained* rather than programmed.
#
# **Objectives.** After this notebook you can
#
# - say whether this machine is fit for the lab, and what to mend if it is not
# - find your way: which notebook mirrors which practice of your own trade
# - fine-tune a model on a few rows and see what that changes, and what one answer proves
#
# **QA parallel.** A smoke test: is the environment up, do the main parts answer, is it worth going on?
#
# **Time.** About 15 minutes, of which the computer works for a few. The cells print how long they took.

# %%
from labkit.lesson.course import Course
from labkit.lesson.doctor import doctor
from labkit.lesson.exercises import ____, answer_or_reference, exercises
from labkit.lesson.nb00 import QUIZ, REFERENCE_QUESTION, taste_rows

tasks = exercises("00")
course = Course()  # on your own material: Course(folder="my-materials") or Course(data="my.jsonl")

# %% [markdown]
# ## How to use these notebooks
#
# - Run a cell with **Shift + Enter**, from top to bottom. *Run > Run All Cells* works too: nothing needs to be solved.
# - `____` stands where an answer of yours belongs. Until you write one, the lesson goes on with a reference answer and
#   says so.
# - What is trained or answered is kept in a folder, `lab-home`, and is not done again. If the kernel dies, start it and
#   run from the top: finished work is found, half-finished work is resumed.
# - Nothing leaves your machine. The model lies inside an ordinary Python package that is installed already.
#
# ## Is this machine fit?

# %% tags=["nbval-ignore-output"]
doctor()

# %% [markdown]
# `[ok]` needs nothing. `[warn]` means that it works, but slower or with less room. `[fail]` comes with a line that begins
# with `mend:`; do what it says before you go on. The report holds no names of yours and can be pasted into a ticket.

# %% [markdown]
# ## The map
#
# | # | notebook | you know it as | you leave with |
# |---|---|---|---|
# | 00 | start here | smoke test | a fit machine, and a first taste |
# | 01 | [why fine-tune?](01_why_fine_tune.ipynb) | requirements, test design, the red phase | a suite the general model fails |
# | 02 | curation | unit tests of the data | planted defects in the rows found and fixed |
# | 03 | labelling | reviews by two people, adjudication | labels you can trust, and a number for how much |
# | 04 | governance | compliance testing | personal data and licences cleared |
# | 05 | representativeness | coverage analysis, pairwise testing | gaps and bias seen before training |
# | 06 | [instruction tuning](06_instruction_tuning.ipynb) | the implementation that makes red green | a tuned model, judged |
# | 07 | [preference ranking](07_preference_ranking.ipynb) | blind side-by-side review | rankings, checked for bias |
# | 08 | [reward and DPO](08_reward_and_dpo.ipynb) | putting the review's findings into the product | an aligned model |
# | 09 | [evaluation](09_evaluation.ipynb) | test report, tests of the oracles | three models compared, with intervals |
# | 10 | regression and drift | regression testing, monitoring | a gate that says when a change made something worse |
# | 11 | feedback loop | triage of production defects | each report turned into a row, a case or a requirement |
# | 12 | [release gate](12_release_gate.ipynb) | release sign-off, traceability | go or no-go, with the evidence |
#
# Notebooks without a link follow later; the path works without them. Two rules hold everywhere: **the suite is
# written before the training**, and **a number never comes without the count it is made of**.

# %%
which_notebook = tasks.which_notebook
which_notebook.card()

# %%
my_places = {
    "unit tests of the data": ____,
    "regression testing": ____,
    "release sign-off": ____,
}
which_notebook.check(my_places)  # stuck? which_notebook.hint(), which_notebook.solution()

# %% [markdown]
# ## A taste: one question, before and after
#
# A **language model** is a program that continues text: it holds millions of numbers, its **parameters**, and from the
# text so far it computes which piece of text is likely to come next. Our **general model** (also called the *base*
# model) is SmolLM2 with 135 million parameters: tiny for its kind, small enough for a laptop, big enough to learn a task.
#
# We play a shop that does not exist, *Tallgrove*. It takes goods back within **45 days of delivery**. No model
# can have read that anywhere.
#
# The next cell loads the training library, **Unsloth**, and then the model. The very first time the model is also
# converted from its package. That takes up to two minutes on a laptop without GPU, later only some seconds.

# %% tags=["nbval-ignore-output"]
from labkit.evaluation.generate import Generator
from labkit.training.backend import unsloth

_ = unsloth()  # before everything else that trains: it replaces parts of the other libraries
general = Generator(course.base)

# %% [markdown]
# What the model gets is the **prompt**: a *system* message that sets the scene, here just two words, and the customer's
# question. What comes back is the **answer**. We ask as the shop's customers would.

# %% tags=["nbval-ignore-output"]
rows = taste_rows(course.examples)
system = rows[0].prompt[0].content
question = "The garden bench I bought is too wide for my terrace. Until when can I give it back?"
before = general.answer(question, system=system)[0]
print(f"System: {system}\nCustomer: {question}\n\nGeneral model: {before}")

# %% [markdown]
# Read it as a tester. Is it fluent? Does it state a period? Is it *our* period? A general model answers from what such
# shops usually say. It has no way to know the rule, and it does not say that it does not know.
#
# ## A few rows of what it should say
#
# Fine-tuning needs examples: a question, and the answer we would have liked. One such pair is a **row**. For the taste we
# take a handful on a single topic.

# %%
from labkit.lesson.table import Table

Table({"question": row.question, "answer": row.response} for row in rows[:4])

# %% [markdown]
# Questions and answers only: for this taste the model must get the rule into its memory. From notebook 01 on the shop's
# search puts the fitting rule above a customer's message, and the model's task is to apply it.
#
# ## Twelve steps of training
#
# **Fine-tuning** shows the model these rows again and again. At each **step** it looks at eight of them, measures how
# surprised it is by the wanted answers (that number is the **loss**), and changes its parameters a little so that it
# would be less surprised next time. Nobody writes a rule anywhere.
#
# This is a real training, small as it is. It takes a minute or two on a laptop without GPU; the bar shows the time left. A
# second run of this cell finds the result and is done at once.

# %% tags=["nbval-ignore-output"]
from labkit.files import write_jsonl
from labkit.training.settings import SFTSettings
from labkit.training.step import fine_tune

file = write_jsonl(course.home / "training" / "taste-rows.jsonl", rows)
settings = SFTSettings(epochs=6, batch_size=8, warmup_steps=2)  # 6 times through all rows, 8 rows a step
taste = fine_tune(course.home, file, settings, course.base, name="taste")

# %% tags=["nbval-ignore-output"]
made = taste.manifest
print(f"{made.rows_trained} of {made.rows_in} rows, {made.steps} steps, {made.seconds:.0f} s on {made.device}")
print(f"Loss: {made.first_loss:.2f} at the first step, {made.last_loss:.2f} at the last.")

# %% [markdown]
# A falling loss means: less surprised by *these* rows. Whether anything useful was learned only an answer can show. The
# same question again, to both:

# %% tags=["nbval-ignore-output"]
tuned = Generator(taste.merged)
after = tuned.answer(question, system=system)[0]
print(f"Customer: {question}\n\nBefore: {before}\n\nAfter:  {after}")

# %% [markdown]
# Look for the period, and for the product: it should speak of the customer's bench although no row may mention one. Then
# the rule was learned together with the way to apply it, and not as a sentence by heart.
#
# **Or is that too quick?** We picked the question. A careful tester brings one of their own.

# %%
fair_question = tasks.fair_question
fair_question.card()

# %%
my_question = ____
fair_question.check(my_question)  # fair_question.hint(), fair_question.solution()

# %% tags=["nbval-ignore-output"]
asked = answer_or_reference(my_question, REFERENCE_QUESTION)
print(f"Customer: {asked}\n")
for name, model in {"Before": general, "After": tuned}.items():
    print(f"{name}: {model.answer(asked, system=system)[0]}\n")

# %% [markdown]
# ## Every change has side effects
#
# The rows were about returns and nothing else. So what does the tuned model now say to a question about something else?

# %% tags=["nbval-ignore-output"]
other = "How much do you charge for delivering a doormat?"
print(f"Customer: {other}\n")
for name, model in {"Before": general, "After": tuned}.items():
    print(f"{name}: {model.answer(other, system=system)[0]}\n")

# %% [markdown]
# Compare the two. Did the returns rule leak into an answer it has no place in? Narrow training often does that: the
# model learned *"here one says 45 days"* as much as *"for returns one says 45 days"*. You know the pattern: a
# change in one place shows up in another. Hence the rest of this lab:
#
# - one answer is an anecdote, so we need a **suite** and an **oracle** that judges without us (01)
# - rows on one topic are not coverage, so the real training has rows on every requirement (05, 06)
# - a better model may be worse somewhere, so two models are compared case by case (09, 10)

# %% [markdown]
# ## Recap
#
# - We saw whether this machine is fit for the lab, and what the doctor would have us mend.
# - We found our way: each notebook mirrors a practice of our own trade.
# - We fine-tuned a model on a few rows, saw what that changes, and were careful about what one answer proves.

# %% [markdown]
# ## Quiz
#
# Write a letter in place of `____`, as in `"a"`.

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
# **Next:** [01 Why fine-tune?](01_why_fine_tune.ipynb) We write down what the assistant must do, make it executable, and
# let the general model fail.
