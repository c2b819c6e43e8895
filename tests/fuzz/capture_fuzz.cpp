// What a machine at the other end of SSH says, which may be hostile: whatever bytes, no crash, the Host made
// of them stays total, and a path it names is never one that is not absolute.
#include "audit/report_parse.h"
#include "host/capture_answer.h"
#include "host/capture_script.h"
#include "host/captured_host.h"
#include "host/unit_show.h"
#include "must.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace meshops;
  std::string text(reinterpret_cast<const char*>(bytes), size);
  // '@' stands for the mark, which the fuzzer need not guess.
  const std::string mark(32, 'm');
  std::string answer;
  for (char c : text) c == '@' ? answer += mark + '\0' : answer += c;
  capture::Facts facts;
  (void)capture::read_answer(answer, mark, facts);
  (void)capture::read_answer(answer + capture::end_of_answer(mark), mark, facts);

  capture::Missed missed;
  capture::CapturedHost host(facts, missed);
  if (auto names = host.list("/etc"))
    for (const auto& name : *names) {
      auto path = "/etc/" + name;
      (void)host.stat(path);
      (void)host.read_link(path);
      (void)host.read(path, 100);
      (void)host.read_part(path, -3, 2);
    }
  (void)host.accounts();
  (void)host.processes();
  (void)host.listeners();
  (void)host.file_systems();
  (void)host.process_environment(7, {"HOME"});
  auto wants = missed.take();
  for (const auto& want : wants) must(want.kind == capture::Want::Kind::ask || want.path.starts_with('/'));
  (void)capture::request(wants);
  facts.give_up(wants);
  for (const auto& want : wants) must(facts.knows(want));
  // A word of sh is closed, whatever stands in it: an even number of quotes that no quote is in.
  auto word = capture::shell_word(text);
  must(word.size() >= 2 && word.front() == '\'' && word.back() == '\'' && word.find('\0') == word.npos);

  (void)parse_unit_show(text);
  (void)capture::journal_entries(text);
  if (auto report = audit::parse_report(text, {}))
    for (const auto& finding : report->findings) must(audit::find_rule(finding.rule) != nullptr);
  return 0;
}
