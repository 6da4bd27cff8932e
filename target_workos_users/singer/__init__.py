"""Singer's side: the command line, messages in, stream maps, batches."""
