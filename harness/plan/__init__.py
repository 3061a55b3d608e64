"""What a run will do, need, take and cost, before anything starts; `action=plan` shows it."""
