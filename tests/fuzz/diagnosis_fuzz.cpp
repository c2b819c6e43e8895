// Logs and facts from a hostile hand: the diagnosis is total and bounded, its answer is printable, and the
// same input gives the same answer. A zero byte parts the log from the facts. The same bytes are read as a
// close-up and as a diagnosis, and cut, cleaned and veiled as a log.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "diagnose/closeup.h"
#include "diagnose/diagnosis.h"
#include "diagnose/log_cut.h"
#include "diagnose/scan.h"
#include "diagnose/signatures.h"
#include "diagnose/veil.h"
#include "must.h"

using namespace meshops::diagnose;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto part = text.find('\0');
  auto log = text.substr(0, part);
  Facts facts;
  if (part != text.npos)
    if (auto parsed = parse_facts(text.substr(part + 1))) facts = std::move(*parsed);

  auto hits = scan(log);
  must(hits.size() <= signatures().size() * kHitsPerSignature);
  for (const auto& hit : hits) {
    must(hit.line >= 1 && hit.text.size() <= kLineShown);
    must(hit.text.empty() ||
         (hit.text.data() >= log.data() && hit.text.data() + hit.text.size() <= log.data() + log.size()));
    must(hit.text.find('\n') == hit.text.npos);
  }

  auto diagnosis = diagnose({log, facts});
  must(diagnosis.hypotheses.size() <= kHypotheses);
  double last = 1;
  for (const auto& h : diagnosis.hypotheses) {
    must(h.score >= kWorthAWord && h.score <= last && !h.evidence.empty());
    last = h.score;
    for (const auto& e : h.evidence) must(e.text.size() <= kEvidenceShown && meshops::valid_utf8(e.text));
  }
  must(!nlohmann::json::parse(to_json(diagnosis), nullptr, false).is_discarded());
  must(to_json(diagnosis) == to_json(diagnose({log, facts})));
  (void)for_people(diagnosis);

  if (auto seen = parse_closeup(text)) (void)diagnose({seen->log, seen->facts});
  if (auto read = parse_diagnosis(text)) must(parse_diagnosis(to_json(*read)).has_value());
  must(to_json(*parse_diagnosis(to_json(diagnosis))) == to_json(diagnosis));
  auto clean = clean_lines(log, 64);
  must(meshops::valid_utf8(clean));
  must(date_tail(log, meshops::WallTime{}).size() <= log.size() + 64);
  must(around_exits(clean, {.lines = 10, .bytes = 500}).size() <= 500 + 11 * 32);
  (void)not_before(log, meshops::WallTime{});
  Veil veil;
  veil.hide_named_in(text);
  veil.hide("fuzz-secret");
  must(veil.over(log).find("fuzz-secret") == std::string::npos);
  return 0;
}
