"""Record streams: on real files, with a clock that tests advance."""
