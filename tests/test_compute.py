import pytest
import torch

from offpath.compute import compute
from offpath.configs import InputError


def test_threads_are_those_asked_for_and_torch_is_told():
    assert compute("cpu", 2).threads == 2
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("device", "threads", "message"),
    [("tpu", None, "device must be auto, cpu or cuda; got 'tpu'"), ("cpu", 0, "threads must be 1")],
)
def test_what_is_not_there_is_named(device: str, threads: int | None, message: str):
    with pytest.raises(InputError, match=message):
        compute(device, threads)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_auto_is_the_cpu_where_there_is_no_gpu_and_cuda_is_refused():
    assert compute("auto", 1).device.type == "cpu"
    with pytest.raises(InputError, match="needs a GPU"):
        compute("cuda", 1)
