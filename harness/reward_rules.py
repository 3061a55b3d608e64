"""Rules between the reward's functions and the schedule; harness/rules.py asks for them."""

from collections.abc import Iterator

from harness.spec import RunSpec


def reward_violations(spec: RunSpec) -> Iterator[str]:
    """Broken rules of rewards over a group or a step, and of the monitor problems."""
    reward, monitor, steps = spec.reward, spec.schedule.monitor, spec.schedule.steps
    if reward.group and reward.batch:
        yield (
            "reward.group and reward.batch both set the rewards of a step: keep the one that needs "
            "more (reward.batch), and set the other to null"
        )
    for field in ("group", "batch"):
        if getattr(reward, f"{field}_arguments") and not getattr(reward, field):
            yield (
                f"reward.{field}_arguments are given and reward.{field} is null, so nobody reads "
                f"them: set reward.{field}=module:function, or reward.{field}_arguments={{}}"
            )
    if monitor and not reward.batch:
        yield (
            "schedule.monitor samples problems for reward.batch, which is null: set "
            "reward.batch=module:function, or schedule.monitor=null"
        )
    if monitor and steps is not None and monitor.every >= steps:
        yield (
            f"schedule.monitor.every={monitor.every} is never reached: the first pass comes after "
            f"as many steps, and schedule.steps={steps}; set it below {steps}, or "
            "schedule.monitor=null"
        )
    rows = spec.data.train_rows
    if monitor and rows is not None and monitor.rows > rows:
        yield (
            f"schedule.monitor.rows={monitor.rows} and data.train_rows={rows}: set "
            "schedule.monitor.rows to at most the training rows"
        )
