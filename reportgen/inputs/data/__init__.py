"""From a data spec to an evaluation set: files, libraries, and outputs of models that ran elsewhere."""
