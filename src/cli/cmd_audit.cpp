// meshops audit | rules | confirm
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "audit/local_live.h"
#include "audit/report.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/audit_fix.h"
#include "cli/audit_remote.h"
#include "cli/command.h"

namespace meshops::cli {

namespace fs = std::filesystem;

namespace {

struct Options {
  std::string folder, root, cloud, host;
  std::vector<std::string> domains, rules;
  std::string fail_on = "low";
  std::string format, output;
  bool since_last = false, fix = false, yes = false, show_allowed = false;
  bool all = false, forget = false;
  std::string entry;
  bool guard = false, wait = false;
};

/// What is audited, with everything that must live as long as it.
struct Target {
  std::string name;
  audit::Ground ground = audit::Ground::live;
  fs::path root = "/";
  std::shared_ptr<Host> host;
  std::shared_ptr<audit::Live> live;
  Mesh mesh;
};

std::shared_ptr<const audit::Site> site_over(const Target& target, const Host& host) {
  auto site = std::make_shared<audit::Site>(target.ground, host, target.live.get(), target.mesh,
                                            SystemClock().wall());
  site->on_disk(target.root);
  return site;
}

/// The folder's own mesh.toml says what its owner has decided; --config goes before it.
Result<Mesh> mesh_of(const Globals& globals, const Host& host, bool of_folder) {
  if (!globals.config.empty() || !of_folder) return globals.mesh();
  auto around = Surroundings::of_this_process();
  around.elsewhere = true;
  auto text = host.read("/mesh.toml");
  if (!text) return default_mesh(around);
  auto parsed = parse_mesh(*text, "mesh.toml", around);
  if (!parsed) {
    auto why = parsed.error().faults.front();
    return fail(std::move(why).hint("all its faults: meshops config check --config mesh.toml"));
  }
  parsed->source = "/mesh.toml";
  return std::move(*parsed);
}

Result<fs::path> directory(const std::string& text) {
  std::error_code failed;
  auto path = fs::canonical(text, failed);
  if (failed || !fs::is_directory(path, failed))
    return fail(error(audit::AuditCode::no_target, "cannot audit {}: it is no directory", quote(text))
                    .hint("a folder: meshops audit DIR; a root file system: meshops audit --root DIR; this "
                          "machine: meshops audit"));
  return path;
}

Result<Target> target_of(const Globals& globals, const Options& options) {
  Target target;
  auto below = [&](const std::string& where, audit::Ground ground) -> Status {
    target.name = where;
    target.ground = ground;
    target.root = TRY(directory(where));
    target.host = rooted_host(target.root);
    return ok();
  };
  if (!options.folder.empty()) {
    CHECK_OK(below(options.folder, audit::Ground::repo));
  } else if (!options.root.empty()) {
    CHECK_OK(below(options.root, audit::Ground::root));
  } else if (!options.cloud.empty()) {
    CHECK_OK(below(options.cloud, audit::Ground::cloud));
  } else {
    target.name = "this machine";
    target.host = local_host();
  }
  bool of_folder = target.ground == audit::Ground::repo || target.ground == audit::Ground::cloud;
  target.mesh = TRY(mesh_of(globals, *target.host, of_folder));
  if (target.ground == audit::Ground::live) target.live = audit::local_live(target.mesh);
  return target;
}

/// Where the last report of this target lies.
fs::path last_file(const Mesh& mesh, const std::string& key) {
  return mesh.state_dir / "audit" / ("last-" + key + ".json");
}
std::string key_of(const Target& target) {
  std::string key = std::to_string(static_cast<int>(target.ground)) + target.root.string();
  for (auto& c : key)
    if (c == '/') c = '%';
  return key;
}

Result<audit::Wanted> wanted(const Options& options) {
  audit::Wanted out;
  std::vector<std::string_view> names, ids;
  for (const auto& domain : audit::domains()) {
    names.push_back(domain.name);
    for (const auto& rule : domain.rules) ids.push_back(rule.id);
  }
  auto unknown = [](std::string_view what, const std::string& word, std::span<const std::string_view> known) {
    auto why = error(audit::AuditCode::no_rule, "there is no {} {}", what, quote(word));
    auto meant = nearest(word, known);
    return meant ? std::move(why).hint("did you mean {}?", *meant)
                 : std::move(why).hint("all of them: meshops rules");
  };
  for (const auto& given : options.domains)
    for (auto piece : split(given, ',')) {
      std::string word(piece);
      for (const auto& domain : audit::domains())
        if (lower(word) == lower(domain.prefix)) word = domain.name;
      if (std::ranges::find(names, word) == names.end()) return fail(unknown("domain", word, names));
      out.domains.insert(word);
    }
  for (const auto& given : options.rules)
    for (auto piece : split(given, ',')) {
      std::string id(piece);
      for (auto& c : id) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      if (audit::find_rule(id) == nullptr) return fail(unknown("rule", id, ids));
      out.rules.insert(id);
    }
  if (::isatty(STDERR_FILENO) == 1)
    out.done = [](std::string_view domain) {
      std::fputs(fmt::format("\r\033[Kaudited {}", domain).c_str(), stderr);
    };
  return out;
}

Status give_out(const Options& options, const std::string& text) {
  if (options.output.empty()) {
    std::fputs(text.c_str(), stdout);
    return ok();
  }
  return write_file_atomic(options.output, text, {.mode = 0644});
}

int mend(const Globals& globals, const Options& options, const Target& target, const audit::Site& site,
         const audit::Report& found) {
  auto over = [&](const Host& host) { return site_over(target, host); };
  auto own = globals.mesh();
  if (!own) return report(globals, own.error());
  auto as_asked = globals;
  if (!options.format.empty()) as_asked.format = options.format;
  return fix(as_asked, *own, audit::plan_fixes(found, *target.host, over), site, over,
             {.yes = options.yes, .root = target.root, .live = target.ground == audit::Ground::live});
}

/// `keys`: under which the report of each target is kept for --since-last.
int show(const Globals& globals, const Options& options, audit::Severity threshold,
         const std::vector<audit::Report>& reports, const std::vector<std::string>& keys, bool whole) {
  auto own = globals.mesh();
  std::optional<audit::Change> change;
  if (options.since_last && own) {
    change.emplace();
    for (std::size_t i = 0; i < reports.size(); ++i) {
      auto before = read_file(last_file(*own, keys[i]), 64U << 20);
      auto one = audit::compare(reports[i], before.value_or(""));
      change->fresh.insert(change->fresh.end(), one.fresh.begin(), one.fresh.end());
      change->still.insert(change->still.end(), one.still.begin(), one.still.end());
      change->gone.insert(change->gone.end(), one.gone.begin(), one.gone.end());
    }
  }
  const auto* changed = change ? &*change : nullptr;
  const auto format = options.format.empty() ? globals.format : options.format;
  std::string out;
  if (format == "json")
    out = audit::to_json(reports, changed);
  else if (format == "sarif")
    out = audit::to_sarif(reports);
  else if (format == "html")
    out = audit::to_html(reports);
  else
    out = audit::to_text(reports,
                         {.colour = options.output.empty() && ::isatty(STDOUT_FILENO) == 1 &&
                                    !own_environment().contains("NO_COLOR"),
                          .show_allowed = options.show_allowed},
                         changed);
  if (auto given = give_out(options, out); !given) return report(globals, given.error());
  for (std::size_t i = 0; own && whole && !options.forget && i < reports.size(); ++i) {
    // Only a whole audit is worth comparing with.
    if (reports[i].ran.empty()) continue;
    auto file = last_file(*own, keys[i]);
    if (make_directories(file.parent_path())) (void)write_file_atomic(file, audit::to_json({reports[i]}));
  }
  for (const auto& one : reports)
    for (const auto* finding : one.open())
      if (finding->severity >= threshold) return kFindings;
  return kGood;
}

/// Machines at the other end of SSH.
int audit_others(const Globals& globals, const Options& options, const audit::Wanted& what,
                 audit::Severity threshold, bool whole) {
  auto done = options.all ? audit_all(globals, what) : audit_host(globals, options.host, what);
  if (!done) {
    int code = report(globals, done.error());
    return done.error().is("ssh.bad_name") ? kUsage : code;
  }
  std::vector<audit::Report> reports;
  std::vector<std::string> keys;
  for (auto& one : done->all) {
    reports.push_back(std::move(one.report));
    keys.push_back("host-" + one.name);
  }
  int code = show(globals, options, threshold, reports, keys, whole);
  if (done->failed) code = kCouldNot;
  // Rules that took too long still read from what was fetched: it must outlive them, and they end with us.
  if (done->left_behind) {
    std::fflush(nullptr);
    std::_Exit(code);
  }
  return code;
}

int audit_command(const Globals& globals, const Options& options) {
  auto usage = [&](const Error& why) {
    report(globals, why);
    return kUsage;
  };
  auto threshold = audit::parse_severity(options.fail_on);
  if (!threshold)
    return usage(error(audit::AuditCode::no_rule,
                       "--fail-on takes info, low, medium, high or critical, not {}",
                       quote(options.fail_on)));
  auto what = wanted(options);
  if (!what) return usage(what.error());
  bool whole = what->domains.empty() && what->rules.empty();
  if (options.all || !options.host.empty()) {
    if (options.fix)
      return usage(error(audit::AuditCode::refused, "--fix mends this machine, none at the other end of SSH")
                       .hint("mend it there: ssh {} meshops audit --fix",
                             options.all ? std::string("NODE") : printable(options.host)));
    return audit_others(globals, options, *what, *threshold, whole);
  }
  auto target = target_of(globals, options);
  if (!target) return report(globals, target.error());
  auto site = site_over(*target, *target->host);
  auto found = audit::run(site, target->name, *what);
  if (what->done) std::fputs("\r\033[K", stderr);
  bool left_behind = found.left_behind;
  int code = 0;
  if (options.fix) {
    code = mend(globals, options, *target, *site, found);
  } else {
    std::vector<audit::Report> reports;
    reports.push_back(std::move(found));
    code = show(globals, options, *threshold, reports, {key_of(*target)}, whole);
  }
  // Rules that took too long still read from the target: it must outlive them, and they end with us.
  if (left_behind) {
    std::fflush(nullptr);
    std::_Exit(code);
  }
  return code;
}

int rules_command(const Globals& globals, const Options& options) {
  const auto format = options.format.empty() ? globals.format : options.format;
  std::fputs((format == "json"       ? audit::rules_json()
              : format == "markdown" ? audit::rules_markdown()
                                     : audit::rules_text())
                 .c_str(),
             stdout);
  return kGood;
}

}  // namespace

void add_audit(CLI::App& app, const Globals& globals, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("audit", "find what will bite, show the line, and mend it");
  auto* folder = command
                     ->add_option("folder", options->folder,
                                  "a folder or checkout of configuration files; without one: this machine")
                     ->type_name("DIR");
  auto* root = command
                   ->add_option("--root", options->root,
                                "a directory that holds a root file system; nothing in it is run")
                   ->type_name("DIR")
                   ->excludes(folder);
  auto* cloud =
      command
          ->add_option("--gcp", options->cloud, "a folder of exports that `meshops cloud export` describes")
          ->type_name("DIR")
          ->excludes(folder)
          ->excludes(root);
  auto* host = command
                   ->add_option("--host", options->host,
                                "a node of mesh.toml, or a host of your ssh configuration, over SSH; nothing "
                                "needs to be installed there")
                   ->type_name("NAME")
                   ->excludes(folder)
                   ->excludes(root)
                   ->excludes(cloud);
  command->add_flag("--all", options->all, "every node of mesh.toml, over SSH")
      ->excludes(folder)
      ->excludes(root)
      ->excludes(cloud)
      ->excludes(host);
  command
      ->add_option("--domain", options->domains, "only these domains: systemd, docker, … (also SYS, DOC, …)")
      ->type_name("NAME")
      ->allow_extra_args(false);  // the folder may follow
  command->add_option("--rule", options->rules, "only these rules")->type_name("ID")->allow_extra_args(false);
  command->add_option("--format", options->format, "text, json, sarif or html")
      ->check(CLI::IsMember({"text", "json", "sarif", "html"}))
      ->type_name("FORMAT");
  command->add_option("-o,--output", options->output, "write the report into this file")->type_name("FILE");
  command
      ->add_option("--fail-on", options->fail_on,
                   "exit with 1 from this severity on (info, low, medium, high, critical; default low)")
      ->type_name("SEVERITY");
  command->add_flag("--since-last", options->since_last,
                    "say what is new, still there and gone since the last audit");
  command->add_flag("--forget", options->forget, "keep no report for --since-last")->group("");
  command->add_flag("--show-allowed", options->show_allowed, "show suppressed findings, too");
  auto* fix = command->add_flag("--fix", options->fix,
                                "show what would be mended as one diff for each file, ask, and do it");
  command->add_flag("--yes", options->yes, "do not ask")->needs(fix);
  command->footer(
      "Example:\n"
      "  meshops audit                          this machine\n"
      "  meshops audit . --fail-on high         a checkout, in CI\n"
      "  meshops audit --rule SYS-001 --fix     mend what one rule finds\n"
      "  meshops audit --all                    every node of mesh.toml, over SSH\n\n"
      "A finding you live with: a comment beside its line,\n"
      "  meshops:allow RULE until=2027-01-31 reason=\"…\"\n"
      "or [[allow]] in mesh.toml.");
  command->callback([&globals, &chosen, options] {
    chosen = [&globals, options] { return audit_command(globals, *options); };
  });

  auto rules_options = std::make_shared<Options>();
  auto* rules = app.add_subcommand("rules", "every rule of the audit, one line each");
  rules->add_option("--format", rules_options->format, "text, json or markdown (docs/rules.md)")
      ->check(CLI::IsMember({"text", "json", "markdown"}))
      ->type_name("FORMAT");
  rules->footer("Example:\n  meshops rules\n  meshops explain SYS-001");
  rules->callback([&globals, &chosen, rules_options] {
    chosen = [&globals, rules_options] { return rules_command(globals, *rules_options); };
  });

  auto confirm_options = std::make_shared<Options>();
  auto* confirm =
      app.add_subcommand("confirm", "keep a change that could have cut you off: from a new session");
  confirm->add_option("entry", confirm_options->entry, "its name, as audit --fix has said it")
      ->required()
      ->type_name("ID");
  confirm->add_flag("--guard", confirm_options->guard, "take it back unless it is confirmed")->group("");
  confirm->add_flag("--wait", confirm_options->wait, "with --guard: wait first")->group("");
  confirm->footer(
      "Example:\n  meshops confirm a12\n\nWithout it the old state returns by itself after two minutes.");
  confirm->callback([&globals, &chosen, confirm_options] {
    chosen = [&globals, confirm_options] {
      const auto& o = *confirm_options;
      if (o.guard)
        return guard_fix(globals, o.entry, o.wait ? std::chrono::seconds(120) : std::chrono::seconds(0));
      return confirm_fix(globals, o.entry);
    };
  });
}

}  // namespace meshops::cli
