// What a Serf agent answers: whatever the bytes are, reading them ends, and they mean the same however they
// were cut on their way. The first byte chooses the cut. And what stands in the files that the owner copies.
#include <cstdint>
#include <string>

#include "mesh/serf_agent.h"
#include "mesh/serf_wire.h"
#include "must.h"

namespace {

using namespace meshops::serf;

/// Every item in one line each, or what was read before the bytes went wrong.
std::string read_all(std::string_view bytes, std::size_t cut) {
  Incoming in;
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += cut) {
    auto fed = in.feed(bytes.substr(at, cut));
    while (auto item = in.next()) {
      out += std::to_string(item->seq) + " ";
      if (item->header) {
        for (char c : item->error) must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
        out += item->error + "\n";
        continue;
      }
      const auto& body = item->body;
      for (const auto& member : read_members(body)) {
        must(!member.name.empty());
        out += member.name + member.address + std::to_string(member.port);
      }
      auto event = read_event(body);
      out += event.type + event.payload + read_query_record(body).from;
      if (auto here = read_coordinate(body))
        must(!round_trip(*here, *here) || round_trip(*here, *here)->count() >= 0);
      for (const auto& [key, holders] : read_key_answer(body).keys) out += key + std::to_string(holders);
      out += std::to_string(read_stats(body).size()) + "\n";
    }
    if (!fed) {
      must(!in.feed("\xc0"));
      return out + "broken";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = (data[0] & 0x3fU) + 1;
  must(read_all(bytes, cut) == read_all(bytes, bytes.size() + 1));
  if (auto ring = parse_keyring(bytes)) {
    auto again = parse_keyring(keyring_text(*ring).reveal());
    must(again && again->keys.size() == ring->keys.size());
  }
  if (auto target = rpc_target(bytes)) must(target->port != 0 && !target->key.empty());
  return 0;
}
