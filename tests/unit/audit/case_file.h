// Fixtures of rules: tests/audit/ID.case. How to write one is told in tests/audit/README.md.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "audit/rule.h"
#include "fakes/fake_host.h"
#include "fakes/fake_live.h"
#include "unit/base/temp_dir.h"

namespace meshops::audit {

struct Expected {
  std::size_t case_line = 0;
  Where at;
  std::optional<Severity> severity;
  std::string found;   // a part of what was found
  std::string wanted;  // a part of what is wanted
};

struct Case {
  enum class Kind { fires, quiet, skips };
  Kind kind = Kind::fires;
  Ground ground = Ground::repo;
  std::string title;
  std::size_t line = 0;  // in the fixture's file
  FakeHost host;
  FakeLive live;
  Mesh mesh;
  WallTime now{};
  std::vector<Expected> expected;
  /// Where the files lie when a fixture has a real repository ("@@ git"); else null. Shared by copies.
  std::shared_ptr<TempDir> disk;
};

/// Throws std::runtime_error ("SYS-001.case:12: …") where it is not written as it should be.
std::vector<Case> read_cases(const std::filesystem::path& file);

}  // namespace meshops::audit
