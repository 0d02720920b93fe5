"""trl's PPOTrainer, with what a long training needs: limits on gradients, measurements, checkpoints, an orderly end.

The algorithm is trl's own: sampled answers, the distance to the reference inside the reward, advantages by GAE, the
clipped objective (Schulman et al. 2017; Ziegler et al. 2019). Its loop has no way to stop, to go on from a checkpoint
or to evaluate; here that is done where the loop asks its callbacks.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from ppo_models import CheckedReward, Question, TokenValues
from transformers import PrinterCallback, Trainer, TrainerCallback
from trl.experimental.ppo import PPOTrainer

STATE = "ppo_state.pt"
ANSWERS_AT_ONCE = 8
"""Held-out questions that are answered together."""


class Ended(Exception):
    """The training ends before its last step."""


class Batches:
    """Questions in batches without end: each pass over them in a new order, drawn by seed.

    Attributes:
        position: the batch that comes next; set it to go on somewhere.
    """

    def __init__(self, questions: Sequence[Question], size: int, seed: int, pad: int) -> None:
        self.questions, self.size, self.seed, self.pad = questions, size, seed, pad
        self.position = 0
        self._turn, self._order = -1, list[int]()

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield ``input_ids`` of shape (size, tokens), padded on the left."""
        while True:
            first = self.position * self.size
            self.position += 1
            chosen = [self.questions[self._at(place)] for place in range(first, first + self.size)]
            yield {"input_ids": padded([question.input_ids for question in chosen], self.pad)}

    def _at(self, place: int) -> int:
        turn, place = divmod(place, len(self.questions))
        if turn != self._turn:
            self._turn, self._order = turn, list(range(len(self.questions)))
            random.Random(f"{self.seed}:{turn}").shuffle(self._order)
        return self._order[place]


def padded(prompts: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
    """Return prompts of different lengths as one tensor, padded on the left."""
    longest = max(map(len, prompts))
    return torch.tensor([[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts])


class PolicyTrainer(PPOTrainer):  # type: ignore[misc]
    """PPO on questions whose answers are checked.

    Attributes:
        gradient_norms: before clipping, of the optimizer's steps since the last update.
        on_answers: told the number of answer tokens of each update that were trained on.
    """

    def __init__(
        self,
        policy: Any,
        tokenizer: Any,
        questions: Sequence[Question],
        held_out: Sequence[Question],
        arguments: Any,
        reference: Any,
        resume: Path | None,
    ) -> None:
        """Prepare to train.

        Args:
            policy: a causal model, with adapters or without.
            tokenizer: with a padding token that no prompt and no answer contains.
            questions: to learn from.
            held_out: to measure on; may be empty.
            arguments: a PPOConfig.
            reference: the model that the policy is kept close to; None is the policy without its adapters.
            resume: checkpoint to go on from, whose weights the policy has.
        """
        self.checked = CheckedReward(tokenizer, [*questions, *held_out])
        self.held_out = list(held_out)
        self.gradient_norms: list[float] = []
        self.facts: dict[str, float] = {}
        self.on_answers: Callable[[int], None] = lambda tokens: None
        self._resume = resume
        super().__init__(
            args=arguments,
            processing_class=tokenizer,
            model=policy,
            ref_model=reference,
            reward_model=self.checked,
            value_model=TokenValues(policy),
            train_dataset=Dataset.from_list([{"input_ids": list(question.input_ids)} for question in questions]),
        )
        self.batches = Batches(questions, arguments.batch_size, arguments.seed, tokenizer.pad_token_id)
        # trl's loop takes its batches from here; its own order cannot be gone on with.
        self.dataloader = self.batches
        # What callbacks look at and save is the policy, not the pair of policy and values.
        self.callback_handler.model = self.policy
        self.remove_callback(PrinterCallback)
        self.optimizer.optimizer.register_step_pre_hook(self._before_step)

    @property
    def policy(self) -> Any:
        """The policy as it is trained."""
        return self.accelerator.unwrap_model(self.model).policy

    @property
    def values(self) -> Any:
        """The head that predicts rewards."""
        return self.accelerator.unwrap_model(self.model).value_model.head

    def _before_step(self, *_: Any) -> None:
        """Clip gradients, which trl's loop does not, and let guards look at them."""
        self.callback_handler.on_pre_optimizer_step(self.args, self.state, self.control)
        trained = [parameter for parameter in self.model.parameters() if parameter.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(trained, self.args.max_grad_norm or float("inf"))
        self.gradient_norms.append(float(norm))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keep what trl measured in this step; it is recorded when the step is over."""
        if "objective/scores" not in logs:
            super().log(logs, start_time)
            return
        loss = logs["loss/policy_avg"] + self.args.vf_coef * logs["loss/value_avg"]
        norms, self.gradient_norms = self.gradient_norms, []
        self.on_answers(self.checked.answer_tokens * self.args.num_ppo_epochs)
        self.checked.answer_tokens = 0
        self.facts = {
            "loss": loss,
            "learning_rate": logs["lr"],
            "grad_norm": sum(norms) / max(len(norms), 1),
            "reward": logs["objective/scores"],
            "kl": logs["objective/kl"],
        }

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Answer the held-out questions, always with the likeliest token, and return the mean reward.

        Returns:
            ``eval_reward`` and ``eval_loss``, which is its negative.
        """
        policy, pad = self.policy, self.processing_class.pad_token_id
        was_training = policy.training
        policy.eval()
        found = []
        for first in range(0, len(self.held_out), ANSWERS_AT_ONCE):
            asked = self.held_out[first : first + ANSWERS_AT_ONCE]
            prompts = padded([question.input_ids for question in asked], pad).to(self.accelerator.device)
            answered = policy.generate(
                input_ids=prompts,
                attention_mask=prompts != pad,
                do_sample=False,
                max_new_tokens=self.args.response_length,
            )[:, prompts.shape[1] :]
            texts = self.processing_class.batch_decode(answered, skip_special_tokens=True)
            found += [question.reward(said) for question, said in zip(asked, texts, strict=True)]
        policy.train(was_training)
        mean = sum(found) / max(len(found), 1)
        return {"eval_loss": 0.0 - mean, "eval_reward": mean}

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write the policy's weights and all that is needed to go on exactly."""
        root = Path(self.args.output_dir)
        target = root / f"checkpoint-{self.state.global_step}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        self.policy.save_pretrained(str(target))
        torch.save(
            {
                "values": self.values.state_dict(),
                "optimizer": self.optimizer.optimizer.state_dict(),
                "scheduler": self.lr_scheduler.state_dict(),
                "step": self.state.global_step,
                "random": random_state(),
            },
            target / STATE,
        )
        found = sorted(root.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        for old in found[: -(self.args.save_total_limit or len(found))]:
            shutil.rmtree(old)

    def go_on(self) -> None:
        """Take up the state of the checkpoint; called when the loop is about to begin."""
        if self._resume is None:
            return
        state = torch.load(self._resume / STATE, map_location="cpu", weights_only=True)
        self.values.load_state_dict(state["values"])
        self.optimizer.optimizer.load_state_dict(state["optimizer"])
        self.lr_scheduler.load_state_dict(state["scheduler"])
        self.state.global_step = self.batches.position = state["step"]
        self.state.episode = state["step"] * self.args.batch_size
        # The loop counts its own rounds from one.
        self.args.num_total_batches = self.state.max_steps - state["step"]
        restore_random(state["random"])


def random_state() -> dict[str, Any]:
    """Return the state of all generators that sampling and shuffling use, in plain values and tensors."""
    numbers: Any = np.random.get_state()
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [numbers[0], numbers[1].tolist(), *numbers[2:]],
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random(state: dict[str, Any]) -> None:
    """Put the generators back into a state."""
    torch.set_rng_state(state["torch"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


class Beginning(TrainerCallback):  # type: ignore[misc]
    """Takes up a checkpoint; must be asked before all others."""

    def __init__(self) -> None:
        self.trainer: PolicyTrainer | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Go on where the checkpoint was written."""
        assert self.trainer is not None
        self.trainer.go_on()


class Flow(TrainerCallback):  # type: ignore[misc]
    """Records, evaluates and ends, none of which trl's loop does; must be asked after all others."""

    def __init__(self, metrics: Any) -> None:
        """Remember who records.

        Args:
            metrics: the callback that writes metrics.jsonl.
        """
        self.metrics = metrics
        self.trainer: PolicyTrainer | None = None
        self.rows: list[dict[str, float]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Record the step; evaluate when it is time; end unless a checkpoint comes first.

        Raises:
            Ended: a callback asked for the end.
        """
        trainer = self.trainer
        assert trainer is not None
        self.rows.append(trainer.facts)
        if control.should_log:
            names = self.rows[0]
            Trainer.log(trainer, {name: sum(row[name] for row in self.rows) / len(self.rows) for name in names})
            self.rows = []
        if control.should_evaluate and trainer.held_out:
            measured = trainer.measure()
            trainer.callback_handler.on_evaluate(args, state, control, measured)
        control.should_evaluate = False
        # The clock of the next step.
        self.metrics.on_step_begin(args, state, control)
        if not control.should_save:
            self._end(state, control)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End if that was asked for.

        Raises:
            Ended: a callback asked for the end.
        """
        self.metrics.on_step_begin(args, state, control)
        self._end(state, control)

    def _end(self, state: Any, control: Any) -> None:
        if control.should_training_stop and state.global_step < state.max_steps:
            raise Ended
