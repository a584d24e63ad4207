// SPDX-License-Identifier: Apache-2.0
#include "dispatch.h"

#include <stdexcept>

namespace shoal {

#if defined(__x86_64__)
namespace x86_64_v4 {
extern const Kernels KERNELS;
}
namespace x86_64_v3 {
extern const Kernels KERNELS;
}
#endif
namespace portable {
extern const Kernels KERNELS;
}

std::vector<const Kernels*> runnable_kernels() {
  std::vector<const Kernels*> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  // Every machine with AVX2, FMA and BMI2 has the rest of x86-64-v3 too; the level's own name is known to newer
  // compilers only.
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                  __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v4) found.push_back(&x86_64_v4::KERNELS);
  if (v3) found.push_back(&x86_64_v3::KERNELS);
#endif
  found.push_back(&portable::KERNELS);
  return found;
}

const Kernels& choose_kernels(const std::string& name) {
  std::string known;
  for (const Kernels* kernels : runnable_kernels()) {
    if (name.empty() || name == kernels->name) return *kernels;
    known += (known.empty() ? "" : ", ") + std::string(kernels->name);
  }
  throw std::invalid_argument("instruction set '" + name + "' does not run here. Use one of: " + known + ".");
}

}  // namespace shoal
