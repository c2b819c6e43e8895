#include "gateway/adapters.h"

namespace meshops {

std::unique_ptr<Adapter> make_adapter(GatewayKind kind) {
  return kind == GatewayKind::http ? http_adapter() : openclaw_adapter();
}

}  // namespace meshops
