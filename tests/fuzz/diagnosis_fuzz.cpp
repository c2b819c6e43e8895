// Logs and facts from a hostile hand: the diagnosis is total and bounded, its answer is printable, and the
// same input gives the same answer. A zero byte parts the log from the facts.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "diagnose/diagnosis.h"
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
  return 0;
}
