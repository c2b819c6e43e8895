// The adapters, one constructor each; make_adapter() picks. Nobody else calls these.
#pragma once

#include <memory>

#include "gateway/gateway.h"

namespace meshops {

std::unique_ptr<Adapter> openclaw_adapter();
std::unique_ptr<Adapter> http_adapter();

}  // namespace meshops
