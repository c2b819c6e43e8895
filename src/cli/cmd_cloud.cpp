// meshops cloud export
#include <cstdio>

#include "audit/gcp_export.h"
#include "audit/site.h"
#include "base/text.h"
#include "cli/command.h"

namespace meshops::cli {

namespace {

/// What Google allows in a project's id, also "example.com:project": nothing that a shell would read.
bool is_project(std::string_view id) {
  return !id.empty() && id.size() <= 100 && id.front() != '-' &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.:") == std::string_view::npos;
}

int export_script(const Globals& globals, const std::string& project) {
  if (!is_project(project)) {
    report(globals, error(audit::AuditCode::no_target, "{} is no id of a project", quote(project))
                        .hint("the projects you may see: gcloud projects list"));
    return kUsage;
  }
  std::fputs(audit::export_commands(project).c_str(), stdout);
  return kGood;
}

}  // namespace

void add_cloud(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* cloud = app.add_subcommand("cloud", "what a cloud knows about the nodes");
  cloud->require_subcommand(1);
  auto project = std::make_shared<std::string>();
  auto* script = cloud->add_subcommand("export", "the commands that write what `meshops audit --gcp` reads");
  script->add_option("--project", *project, "id of the project of Google Cloud")->required()->type_name("ID");
  const auto* example =
      "Example:\n"
      "  meshops cloud export --project acme-claw > export.sh\n"
      "  mkdir exports && cd exports && sh ../export.sh && meshops audit --gcp .\n\n"
      "meshops prints the commands and runs none of them: they read the project with your own rights.";
  cloud->footer(example);
  script->footer(example);
  script->callback([&globals, &chosen, project] {
    chosen = [&globals, project] { return export_script(globals, *project); };
  });
}

}  // namespace meshops::cli
