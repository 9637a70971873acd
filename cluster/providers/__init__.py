"""Where the machines of a compute target come from."""
