#include "mesh/own_unit.h"

namespace meshops::mesh {

boost::asio::awaitable<Status> end_unit(Services& services, std::string unit) {
  constexpr Duration kJobLimit = std::chrono::seconds(60);
  auto known = co_await services.unit(unit);
  if (known && known->load_state == "not-found") co_return ok();
  auto disabled = co_await services.disable(unit);
  auto stopped = co_await services.stop(unit, kJobLimit);
  if (!disabled) co_return disabled;
  co_return stopped;
}

}  // namespace meshops::mesh
