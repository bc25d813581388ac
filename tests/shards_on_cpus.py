"""The command line, where CPUs are taken for devices over which weights can be shared out: by itself accelerate does not."""

from accelerate import PartialState
from accelerate.utils import DistributedType

from sdzero_bench.cli.app import main

as_it_is = PartialState.__init__


def as_if_on_gpus(self: PartialState, cpu: bool = False, **options: object) -> None:
    as_it_is(self, cpu=True, **options)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


if __name__ == "__main__":
    PartialState.__init__ = as_if_on_gpus  # type: ignore[method-assign]
    main()
