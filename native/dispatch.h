// SPDX-License-Identifier: Apache-2.0
// Which instruction sets were compiled in, which this machine runs, and which to use.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace shoal {

// The kernel tables this machine can run, best first. Never empty: the portable ones run everywhere.
std::vector<const Kernels*> runnable_kernels();

// The best, or the one of that name. Throws std::invalid_argument naming those that run here.
const Kernels& choose_kernels(const std::string& name);

}  // namespace shoal
