"""The only folder that knows verl: emission of its keys, plug-ins loaded by it, process control."""
