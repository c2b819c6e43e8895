// meshops path
#include <algorithm>
#include <cstdio>

#include "base/side_by_side.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/render.h"
#include "cli/walks.h"

namespace meshops::cli {

namespace {

struct Options {
  std::vector<std::string> way;
  std::vector<std::string> each;
  bool both = false;
};

struct Errand {
  Meant from;
  path::Target to;
};

/// The way back, to the SSH server of who walked.
Result<path::Target> back_to(const Described& mesh, const Meant& from) {
  const auto* node = mesh.mesh.source.empty() ? nullptr : mesh.node(from.name);
  if (node != nullptr) return ssh_of(*node);
  if (from.here)
    return fail(
        error(path::PathCode::no_node, "--both needs an address of this machine, and it is no node of a mesh")
            .hint("name both ends: meshops path A B --both"));
  return path::parse_target("ssh://" + from.target.host);
}

Result<std::vector<Errand>> errands(const Described& mesh, const Options& options) {
  std::vector<Errand> out;
  auto from = walker_here(mesh);
  if (options.way.size() == 2) from = TRY(walker(mesh, options.way.front()));
  auto to = TRY(target_of(mesh, options.way.back()));
  out.push_back({from, to});
  if (!options.both) return out;
  auto there = TRY(walker(mesh, mesh.node(to.name) != nullptr ? to.name : to.host));
  if (there.here) return out;
  out.push_back({there, TRY(back_to(mesh, from))});
  return out;
}

int show(const Globals& globals, const std::vector<path::Report>& reports) {
  if (globals.json()) {
    std::fputs(path::to_json(reports).c_str(), stdout);
  } else {
    auto look = look_of_stdout();
    for (std::size_t i = 0; i < reports.size(); ++i)
      std::fputs(((i > 0 ? "\n" : "") + path::for_people(reports[i], look.colour)).c_str(), stdout);
  }
  if (!std::ranges::all_of(reports, &path::Report::walked)) return kCouldNot;
  return std::ranges::all_of(reports, &path::Report::good) ? kGood : kFindings;
}

int run_each(const Globals& globals, const Described& mesh, const Options& options) {
  std::vector<path::Target> targets;
  for (const auto& word : options.each) {
    auto target = target_of(mesh, word);
    if (!target) return report(globals, target.error());
    targets.push_back(std::move(*target));
  }
  auto done = walks_from(mesh, walker_here(mesh), targets);
  if (!done) return report(globals, done.error());
  return show(globals, *done);
}

int run(const Globals& globals, const Options& options) {
  auto mesh = described_or_none(globals);
  if (!mesh) return report(globals, mesh.error());
  if (!options.each.empty()) return run_each(globals, *mesh, options);
  auto todo = errands(*mesh, options);
  if (!todo) return report(globals, todo.error());
  Progress progress;
  progress.say("walking");
  std::vector<path::Report> reports(todo->size());
  side_by_side(todo->size(), todo->size(), [&](std::size_t i) {
    const auto& errand = (*todo)[i];
    auto done = walks_from(*mesh, errand.from, std::span(&errand.to, 1));
    if (done && done->size() == 1)
      reports[i] = std::move(done->front());
    else
      reports[i] = path::not_walked(
          errand.from.name, errand.to,
          done ? error(path::PathCode::bad_answer, "{} answered about another way", errand.from.name)
               : done.error(),
          SystemClock().wall());
  });
  progress.clear();
  return show(globals, reports);
}

}  // namespace

void add_path(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command = app.add_subcommand(
      "path",
      "walks the way to a node, host or URL layer by layer, and says in one sentence where it breaks");
  auto options = std::make_shared<Options>();
  auto* way =
      command
          ->add_option(
              "way", options->way,
              "where to: a node of mesh.toml, HOST, either with :PORT, or a URL; two of them: from the "
              "first, asked over your ssh, to the second")
          ->expected(1, 2)
          ->type_name("[FROM] TO");
  auto* each = command->add_option("--each", options->each, "from here to each of these, side by side")
                   ->type_name("TO ...")
                   ->excludes(way);
  command->add_flag("--both", options->both, "the way back as well, walked from there")->excludes(each);
  command->footer(
      "Example:\n  meshops path beta\n  meshops path beta gamma --both\n  meshops path "
      "https://gw.example.org/healthz\n\n"
      "Layers: name, route, icmp, tcp, mtu, tls, http, auth, hairpin. A port that is no SSH, HTTP or HTTPS "
      "by its\n"
      "number is connected to and no more; ssh://HOST:PORT, http:// and https:// say what should answer "
      "there.\n"
      "Exit codes: 0 the way holds, 1 it breaks, 3 FROM could not be asked.");
  command->callback([&globals, &chosen, options, command] {
    if (options->way.empty() && options->each.empty()) throw CLI::RequiredError(command->get_name() + ": TO");
    chosen = [&globals, options] { return run(globals, *options); };
  });
}

}  // namespace meshops::cli
