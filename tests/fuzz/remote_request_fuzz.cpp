// What comes over SSH from a sibling, and what is kept of it, from a hostile hand: requests, signatures,
// answers, reports, the lease, the nonces, authorized_keys. There is one way to write a request; a made-up
// signature is never good.
#include <cstdint>

#include "base/text.h"
#include "mesh/healing_keys.h"
#include "mesh/lease_file.h"
#include "mesh/remote_gate.h"
#include "mesh/remote_nonces.h"
#include "mesh/remote_report.h"
#include "mesh/remote_request.h"
#include "mesh/remote_signature.h"
#include "mesh/treatment_log.h"
#include "must.h"

using namespace meshops;

namespace {

constexpr auto kKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDQ6nuIXhbP5FukhR7eLxI2qOtKS3VIkP1kOdSD1YaeD";

Mesh home() {
  Mesh mesh;
  mesh.name = "home";
  mesh.node = "alpha";
  mesh.nodes = {{.name = "alpha"}, {.name = "beta", .healing_key = kKey}};
  return mesh;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  static const Mesh mesh = home();
  must(!mesh::check_request(text, mesh, WallTime{}));
  must(!mesh::check_signature(text, kKey, mesh::kSignatureNamespace, "what nobody signed"));
  if (auto line = mesh::parse_line(text)) {
    must(line->json.size() + line->signature.size() < mesh::kLineLimit);
    auto again = mesh::parse_line(mesh::to_line(line->signature, line->json));
    must(again && again->json == line->json && again->signature == line->signature);
  }
  if (auto request = mesh::parse_remote_request(text)) must(mesh::to_json(*request) == text);
  if (auto answer = mesh::parse_remote_answer(text)) {
    auto again = mesh::parse_remote_answer(mesh::to_json(*answer));
    must(again && again->good == answer->good && again->at == answer->at && again->code == answer->code);
  }
  if (auto report = mesh::parse_probe_report(text)) {
    auto again = mesh::parse_probe_report(mesh::to_json(*report));
    must(again && *again == *report);
  }
  if (auto report = mesh::parse_heal_report(text))
    must(mesh::parse_heal_report(mesh::to_json(*report)).has_value());
  if (auto report = mesh::parse_deed_report(text)) {
    auto again = mesh::parse_deed_report(mesh::to_json(*report));
    must(again && again->outcome == report->outcome && again->by_fallback == report->by_fallback);
  }
  if (auto report = mesh::parse_lease_report(text, "alpha")) {
    must(report->fence != 0 && report->history.size() <= mesh::TreatmentLog::kMost);
    auto again = mesh::parse_lease_report(mesh::to_json(*report), "alpha");
    must(again && *again == *report);
  }
  constexpr Instant kNow{std::chrono::hours(5)};
  if (auto log = mesh::TreatmentLog::parse(text, "boot", kNow)) {
    auto again = mesh::TreatmentLog::parse(log->text(), "boot", kNow);
    must(again && again->text() == log->text());
    must(again->history("alpha", kNow).size() <= mesh::TreatmentLog::kMost);
  }
  if (auto lease = mesh::parse_lease(text)) {
    auto again = mesh::parse_lease(mesh::to_json(*lease));
    must(again && again->fence == lease->fence && again->expires == lease->expires);
  }
  if (auto seen = mesh::SeenNonces::parse(text)) {
    auto again = mesh::SeenNonces::parse(seen->text());
    must(again && again->text() == seen->text());
  }
  // After it, each healer is bound once, and nothing is left to do.
  const std::vector<mesh::Healer> healers = {{"beta", kKey}};
  constexpr auto kCommand = "/usr/bin/meshops remote";
  auto after = mesh::with_healers(text, healers, kCommand);
  must(mesh::faults_in(after, healers, kCommand).empty());
  must(mesh::with_healers(after, healers, kCommand) == after);
  return 0;
}
