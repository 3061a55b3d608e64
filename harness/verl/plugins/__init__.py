"""Our plug-ins for verl: every process of a run imports this at `import verl`."""
