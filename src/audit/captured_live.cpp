#include "audit/captured_live.h"

#include "audit/live_answers.h"
#include "audit/site.h"
#include "base/text.h"
#include "host/unit_show.h"

namespace meshops::audit {

namespace {

/// What Live promises: `not_here` where what would answer is not installed.
Error of_live(const Error& why) {
  if (!why.is("host.not_here")) return why;
  return error(AuditCode::not_here, "{}", why.sentence());
}

class CapturedLive final : public Live {
 public:
  CapturedLive(const capture::CapturedHost& host, const capture::Facts& facts, capture::Missed& missed)
      : host_(host), facts_(facts), missed_(missed) {}

  Result<std::vector<UnitState>> units(const std::optional<Account>& manager) const override {
    auto question = manager ? "units " + manager->name : std::string("units");
    std::vector<std::string> argv = {"units", "", ""};
    if (manager) argv = {"units", std::to_string(manager->uid), std::to_string(manager->gid)};
    auto text = capture::clean_answer(facts_, missed_, question, argv);
    if (!text) return fail(of_live(text.error()));
    return parse_unit_show(*text);
  }

  Result<std::string> ask(Question question) const override {
    if (auto argv = tool_for(question); !argv.empty()) {
      auto answer = capture::clean_answer(facts_, missed_, std::string(text(question)), argv);
      if (!answer) return fail(of_live(answer.error()));
      return answer;
    }
    switch (question) {
      case Question::containers:
      case Question::engine_usage:
      case Question::engine_info:
      case Question::image_history:
        return ask_engine(question, [this](const std::string& target) { return engine(target); });
      case Question::reserved_blocks:
        return reserved_blocks();
      default:
        break;
    }
    return fail(AuditCode::io,
                "over SSH nothing is tried from there to other machines: run meshops audit on it");
  }

 private:
  /// The body, and on a line of its own the status.
  Result<std::string> engine(const std::string& target) const {
    auto answer =
        capture::clean_answer(facts_, missed_, "engine " + target, {"engine", "engine " + target, target});
    if (!answer && answer.error().is("host.not_here"))
      return fail(AuditCode::not_here, "no container engine runs there");
    if (!answer) return fail(answer.error());
    auto line = answer->rfind('\n');
    auto status =
        line == std::string::npos ? std::nullopt : to_number<int>(std::string_view(*answer).substr(line + 1));
    if (!status) return fail(AuditCode::io, "the engine's answer to {} cannot be read", target);
    CHECK_OK(engine_agreed(*status, target));
    answer->resize(line);
    return answer;
  }

  Result<std::string> reserved_blocks() const {
    std::string out;
    for (const auto& system : TRY(host_.file_systems())) {
      auto space = host_.disk(system.mount_point);
      if (!space || !system.device.starts_with("/dev/")) continue;
      out += reserved_line(system.mount_point, space->blocks, space->free - space->available,
                           space->block_bytes);
    }
    return out;
  }

  const capture::CapturedHost& host_;
  const capture::Facts& facts_;
  capture::Missed& missed_;
};

}  // namespace

std::unique_ptr<Live> captured_live(const capture::CapturedHost& host, const capture::Facts& facts,
                                    capture::Missed& missed) {
  return std::make_unique<CapturedLive>(host, facts, missed);
}

}  // namespace meshops::audit
