// meshops config check | show | init
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"

namespace meshops::cli {

namespace {

struct Options {
  std::string file;
};

std::optional<std::filesystem::path> wanted(const Globals& globals, const Options& options) {
  if (!options.file.empty()) return options.file;
  if (!globals.config.empty()) return globals.config;
  return std::nullopt;
}

int check(const Globals& globals, const Options& options) {
  auto around = Surroundings::of_this_process();
  auto file = find_mesh_file(wanted(globals, options), around);
  if (!file) {
    std::puts("no mesh.toml: this machine is a mesh of one node with all defaults, which is fine");
    return kGood;
  }
  auto bytes = read_file(*file, 1U << 20);
  if (!bytes) return report(globals, bytes.error());
  auto mesh = parse_mesh(*bytes, *file, around);
  if (globals.json()) {
    nlohmann::ordered_json json = {
        {"schema", "meshops.config-check/1"}, {"file", file->string()}, {"ok", mesh.has_value()}};
    json["faults"] = nlohmann::ordered_json::array();
    if (!mesh)
      for (const auto& fault : mesh.error().faults)
        json["faults"].push_back(
            {{"code", fault.code()}, {"message", fault.text()}, {"hint", fault.hint_text()}});
    std::puts(json.dump(2).c_str());
    return mesh ? kGood : kFindings;
  }
  if (mesh) {
    std::puts(fmt::format("{}: good ({} node{}, {} gateway{})", file->string(), mesh->nodes.size(),
                          mesh->nodes.size() == 1 ? "" : "s", mesh->gateways.size(),
                          mesh->gateways.size() == 1 ? "" : "s")
                  .c_str());
    return kGood;
  }
  for (const auto& fault : mesh.error().faults) std::puts(fault.for_people().c_str());
  return kFindings;
}

int show(const Globals& globals, const Options& options) {
  auto mesh = load_mesh(wanted(globals, options), Surroundings::of_this_process());
  if (!mesh) return report(globals, mesh.error());
  // What is shown ends up in terminals and pastes: values that may be secrets stay out of it.
  auto shown = veiled(std::move(*mesh));
  std::fputs((globals.json() ? to_json(shown) + "\n" : to_toml(shown)).c_str(), stdout);
  return kGood;
}

int init(const Globals& globals, const Options& options) {
  auto around = Surroundings::of_this_process();
  std::filesystem::path path = options.file;
  if (path.empty() && !globals.config.empty()) path = globals.config;
  if (path.empty())
    path = around.root ? std::filesystem::path("/etc/meshops/mesh.toml")
                       : std::filesystem::path(around.environment["HOME"]) / ".config/meshops/mesh.toml";
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored))
    return report(globals,
                  error(ConfigCode::duplicate, "{} exists already and was not touched", path.string())
                      .hint("check it with: meshops config check {}", path.string()));
  auto written = make_directories(path.parent_path(), 0755);
  if (written) written = write_file_atomic(path, example_toml(), {.mode = 0644});
  if (!written) return report(globals, written.error());
  std::puts(fmt::format("{} written: every key with its default, all commented out", path.string()).c_str());
  return kGood;
}

}  // namespace

void add_config(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* config = app.add_subcommand("config", "mesh.toml: check it, show what holds, write a first one");
  config->require_subcommand(1);
  config->fallthrough();
  config->footer("Example:\n  meshops config check /etc/meshops/mesh.toml");
  struct Sub {
    const char* name;
    const char* what;
    const char* example;
    int (*run)(const Globals&, const Options&);
  };
  constexpr Sub kSubs[] = {
      {"check", "says every fault of the file, with line and column; exits 1 if there is one",
       "meshops config check mesh.toml", check},
      {"show", "the configuration that holds, with every default filled in",
       "meshops config show --format json", show},
      {"init", "writes a commented mesh.toml with every key; never overwrites", "meshops config init", init}};
  for (const auto& sub : kSubs) {
    auto* command = config->add_subcommand(sub.name, sub.what);
    auto options = std::make_shared<Options>();
    command->add_option("file", options->file, "instead of the one that is searched for")->type_name("FILE");
    command->footer(std::string("Example:\n  ") + sub.example);
    command->callback([&globals, &chosen, options, call = sub.run] {
      chosen = [&globals, options, call] { return call(globals, *options); };
    });
  }
}

}  // namespace meshops::cli
