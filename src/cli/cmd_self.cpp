// meshops version | completion | man: what the program says of itself, all from the one parser.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/self_description.h"

namespace meshops::cli {

namespace {

struct Options {
  std::string shell;
  std::string directory = ".";
};

int version(const Globals& globals) {
  nlohmann::ordered_json json = {{"schema", "meshops.version/1"}, {"version", MESHOPS_VERSION}};
  std::puts(globals.json() ? json.dump(2).c_str() : "meshops " MESHOPS_VERSION);
  return kGood;
}

}  // namespace

void add_self_description(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* v = app.add_subcommand("version", "the version of meshops");
  v->footer("Example:\n  meshops version --format json");
  v->callback([&globals, &chosen] { chosen = [&globals] { return version(globals); }; });

  auto* completion = app.add_subcommand("completion", "a completion script for your shell");
  auto options = std::make_shared<Options>();
  completion->add_option("shell", options->shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL");
  completion->footer(
      "Example:\n  meshops completion bash > ~/.local/share/bash-completion/completions/meshops");
  completion->callback([&app, &chosen, options] {
    chosen = [text = completion_script(app, options->shell)] {
      std::fputs(text.c_str(), stdout);
      return kGood;
    };
  });

  auto* man = app.add_subcommand("man", "writes the manual pages, and commands.md, into a directory");
  man->add_option("directory", options->directory, "where to")->type_name("DIR");
  man->footer("Example:\n  meshops man /usr/local/share/man/man1");
  man->callback([&app, &globals, &chosen, options] {
    chosen = [&globals, options, pages = manual_pages(app), guide = commands_guide(app)] {
      auto directory = std::filesystem::path(options->directory);
      auto written = make_directories(directory, 0755);
      for (const auto& [name, text] : pages)
        if (written) written = write_file_atomic(directory / name, text, {.mode = 0644});
      if (written) written = write_file_atomic(directory / "commands.md", guide, {.mode = 0644});
      return written ? kGood : report(globals, written.error());
    };
  });
}

}  // namespace meshops::cli
