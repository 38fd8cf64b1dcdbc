#!/usr/bin/env bash
# Writes requirements.lock: every version the lab installs, without package-index addresses.
# torch pins its own CUDA libraries exactly, so they are left out: a CPU build of torch then needs none of them.
set -euo pipefail
uv=${UV:-uv}
cuda=(cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc
      nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver
      nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx triton)
skip=(); for name in "${cuda[@]}"; do skip+=(--no-emit-package "$name"); done
"$uv" pip compile pyproject.toml --extra train --extra lab --extra dev --universal --python-version 3.11 --quiet \
    --override requirements/overrides.txt --constraint requirements/constraints.txt \
    --no-emit-index-url --no-annotate --no-header "${skip[@]}" -o requirements.lock.new >/dev/null
{ echo "# Made by 'make lock' from pyproject.toml; do not edit. Install with: uv pip install --override requirements/overrides.txt -r requirements.lock"
  grep -v "sys_platform == 'never'" requirements.lock.new; } > requirements.lock.tmp
mv requirements.lock.tmp requirements.lock; rm requirements.lock.new
