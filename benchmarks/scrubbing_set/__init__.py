"""The labelled set of benchmarks/scrubbing.py: values drawn from specifications, texts around them, look-alikes."""
