"""How many images of a class are enough, for the page, the commands and the trainer alike."""

# Groups of near-duplicates: what "a start", "good" and "plenty" mean. Chosen, not measured.
GOALS = (10, 30, 100)
# Stored images, below which fine-tuning is refused.
MIN_FINETUNE = 20
# Groups of near-duplicates, below which labels of a class cannot be checked.
MIN_CHECK = 5
